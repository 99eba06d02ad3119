"""Small reference families, and the architectures by name. Nothing here trains.

An architecture is a function that takes `num_classes` and `in_channels` and whatever the search
space's `arguments` say, and returns a torch.nn.Module: images x channels x height x width to
logits. Nothing here imports torch until one is built, which is done in loader.py.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from plantnas.named import Table
from plantnas.search_space import SearchSpace

if TYPE_CHECKING:
    from torch import Tensor, nn

_SHIPPED: "dict[str, Callable[..., nn.Module] | str]" = {
    "plain": "plantnas.networks.plain:plain",
    "plain-small": "plantnas.networks.plain:plain_small",
    "resnet20": "plantnas.networks.resnet:resnet20",
    "vgg-cifar": "plantnas.networks.vgg:vgg_cifar",
}
_CONTRACT = "a function of (num_classes, in_channels) that returns a torch.nn.Module"
_COLLECTIONS = {
    "torchvision/": "plantnas.networks.loader:torchvision_constructor",
    "timm/": "plantnas.networks.loader:timm_constructor",
}

ARCHITECTURES: "Table[Callable[..., nn.Module]]" = Table(
    "architecture", _SHIPPED, _CONTRACT, _COLLECTIONS
)
"""The families that plantnas ships, and all of torchvision's and timm's."""

TEACHERS: "Table[Callable[..., nn.Module]]" = Table(
    "search_space.teacher.architecture", _SHIPPED, _CONTRACT, _COLLECTIONS
)
"""The same, where a teacher is of another one than the students."""

WEIGHTS: "Table[Callable[[], Mapping[str, Tensor]]]" = Table(
    "search_space.teacher.weights",
    {"efficientnet-lite0": "plantnas.networks.lite0:state"},
    "a function of () that returns a state_dict",
    result=Mapping,
)
"""Functions that give a teacher its weights. What `are_made` does not say is another thing."""

LOADING = frozenset(
    {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}
    | {"weights", "weights_backbone"}
)
"""The arguments by which timm's and torchvision's architectures read files, or download them."""


def are_made(weights: str) -> bool:
    """Whether a function makes these weights of a teacher, of `WEIGHTS` or the user's own.

    Any other name is `DEFAULT`, one of a hub, of a module that was handed over, or a path.
    """
    return weights in WEIGHTS or bool(re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", weights))


def code_of(space: SearchSpace) -> list[str]:
    """What may run any code: names of weights, and of architectures or what these are given."""
    spaces = [space, space.of_teacher] if space.has_other_teacher else [space]
    weights = space.teacher.weights
    makers = [weights] if weights is not None and are_made(weights) else []
    return [name for name in makers if WEIGHTS.runs_code(name)] + [
        each.architecture
        for each in spaces
        if ARCHITECTURES.runs_code(each.architecture)
        or any(each.arguments.get(argument) for argument in LOADING)
    ]
