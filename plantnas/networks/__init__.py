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

ARCHITECTURES: "Table[Callable[..., nn.Module]]" = Table(
    "architecture",
    {
        "plain": "plantnas.networks.plain:plain",
        "plain-small": "plantnas.networks.plain:plain_small",
        "resnet20": "plantnas.networks.resnet:resnet20",
        "vgg-cifar": "plantnas.networks.vgg:vgg_cifar",
    },
    "a function of (num_classes, in_channels) that returns a torch.nn.Module",
    {
        "torchvision/": "plantnas.networks.loader:torchvision_constructor",
        "timm/": "plantnas.networks.loader:timm_constructor",
    },
)
"""The families that plantnas ships, and all of torchvision's and timm's."""

LOADING = frozenset(
    {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}
    | {"weights", "weights_backbone"}
)
"""The arguments by which timm's and torchvision's architectures read files, or download them."""


def code_of(space: SearchSpace) -> list[str]:
    """The architecture of a search space, if its name or its arguments may run any code."""
    name, arguments = space.architecture, space.arguments
    loads = any(arguments.get(argument) for argument in LOADING)
    return [name] if ARCHITECTURES.runs_code(name) or loads else []
