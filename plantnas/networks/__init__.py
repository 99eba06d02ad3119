"""Small reference families, and the architectures by name. Nothing here trains.

An architecture is a function that takes `num_classes` and `in_channels` and whatever the search
space's `arguments` say, and returns a torch.nn.Module: images x channels x height x width to
logits. Nothing here imports torch until one is built, which is done in loader.py.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from plantnas.named import Table
from plantnas.search_space import SearchSpace

if TYPE_CHECKING:
    from torch import nn

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

LOADING = frozenset(
    {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}
    | {"weights", "weights_backbone"}
)
"""The arguments by which timm's and torchvision's architectures read files, or download them."""


def code_of(space: SearchSpace) -> list[str]:
    """The architectures of a search space whose names or arguments may run any code."""
    spaces = [space, space.of_teacher] if space.has_other_teacher else [space]
    return [
        each.architecture
        for each in spaces
        if ARCHITECTURES.runs_code(each.architecture)
        or any(each.arguments.get(argument) for argument in LOADING)
    ]
