"""Builds a network from the name of its architecture, with fresh weights."""

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from plantnas.errors import ConfigurationError, did_you_mean
from plantnas.networks.plain import plain, plain_small
from plantnas.networks.resnet import resnet20
from plantnas.networks.vgg import vgg_cifar

FAMILIES: dict[str, Callable[..., nn.Module]] = {
    "plain": plain,
    "plain-small": plain_small,
    "resnet20": resnet20,
    "vgg-cifar": vgg_cifar,
}
"""Architectures that plantnas ships; each takes `num_classes` and `in_channels`."""


def build_network(
    architecture: str,
    num_classes: int,
    in_channels: int,
    arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> nn.Module:
    """A network with fresh weights, drawn without touching torch's global generator.

    Args:
        architecture: One of `FAMILIES`, `torchvision/NAME`, `timm/NAME`, or `module:function` of
            the user's.
        num_classes: Number of classes, passed as `num_classes`.
        in_channels: Channels of the images, passed as `in_channels`; to timm as `in_chans`, and not
            to torchvision, whose networks take three.
        arguments: More keyword arguments of the constructor.
        seed: Seed of the weights.

    Raises:
        ConfigurationError: The architecture is unknown or refuses its arguments.
    """
    constructor = _constructor(architecture)
    keywords = {"num_classes": num_classes, **(arguments or {})}
    if architecture.startswith("torchvision/"):
        keywords |= _torchvision_arguments(architecture, in_channels)
    else:
        name = "in_chans" if architecture.startswith("timm/") else "in_channels"
        keywords[name] = in_channels
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            network = constructor(**keywords)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"architecture {architecture!r}: {error}") from error
    if not isinstance(network, nn.Module):
        raise ConfigurationError(
            f"architecture {architecture!r}: returned a {type(network).__name__}, "
            "where a torch.nn.Module is needed."
        )
    return network


def _constructor(architecture: str) -> Callable[..., nn.Module]:
    if architecture in FAMILIES:
        return FAMILIES[architecture]
    if architecture.startswith("torchvision/"):
        return _torchvision_constructor(architecture.removeprefix("torchvision/"))
    if architecture.startswith("timm/"):
        return _timm_constructor(architecture.removeprefix("timm/"))
    if ":" in architecture:
        return _users_constructor(architecture)
    raise ConfigurationError(
        f"architecture {architecture!r}: unknown. {did_you_mean(architecture, FAMILIES)} "
        "'torchvision/NAME', 'timm/NAME' and 'module:function' are allowed too."
    )


def _torchvision_constructor(name: str) -> Callable[..., nn.Module]:
    from torchvision import models

    names = models.list_models(module=models)
    if name not in names:
        raise ConfigurationError(
            f"architecture 'torchvision/{name}': unknown. {did_you_mean(name, names)}"
        )
    builder: Callable[..., nn.Module] = models.get_model_builder(name)
    return builder


def _torchvision_arguments(architecture: str, in_channels: int) -> dict[str, Any]:
    if in_channels != 3:
        raise ConfigurationError(
            f"architecture {architecture!r}: takes images of 3 channels, the data has "
            f"{in_channels}. Set 'data.channels: 3' to repeat the grey channel."
        )
    # These two re-initialise by scipy for minutes unless told not to, and warn.
    if architecture.endswith(("googlenet", "inception_v3")):
        return {"init_weights": False}
    return {}


def _timm_constructor(name: str) -> Callable[..., nn.Module]:
    try:
        import timm
    except ImportError as error:
        raise ConfigurationError(
            f"architecture 'timm/{name}': timm is missing. Run `pip install 'plantnas[timm]'`."
        ) from error
    names = timm.list_models()
    if name not in names:
        raise ConfigurationError(
            f"architecture 'timm/{name}': unknown. {did_you_mean(name, names)}"
        )
    return partial(timm.create_model, name)


def _users_constructor(architecture: str) -> Callable[..., nn.Module]:
    module_name, _, function_name = architecture.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"architecture {architecture!r}: {error}. 'module:function' must be importable "
            "from the current directory or an installed package."
        ) from error
    if not callable(function):
        raise ConfigurationError(f"architecture {architecture!r}: is not a function.")
    constructor: Callable[..., nn.Module] = function
    return constructor
