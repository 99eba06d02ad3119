"""Builds a network from the name of its architecture, with fresh weights."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from plantnas.errors import (
    ConfigurationError,
    PlantnasError,
    did_you_mean,
    first_line,
    missing,
)
from plantnas.given import check_given, check_integer, check_text
from plantnas.modules import bare
from plantnas.named import raised
from plantnas.networks import ARCHITECTURES


def build_network(
    architecture: str,
    num_classes: int,
    in_channels: int,
    arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> nn.Module:
    """A network with fresh weights, drawn without touching torch's global generator.

    Args:
        architecture: One of `ARCHITECTURES`, `torchvision/NAME`, `timm/NAME`, or
            `module:function` of the user's.
        num_classes: Number of classes, passed as `num_classes`.
        in_channels: Channels of the images, passed as `in_channels`; to timm as `in_chans`, and not
            to torchvision, whose networks take three.
        arguments: More keyword arguments of the constructor.
        seed: Seed of the weights.

    Raises:
        ConfigurationError: The architecture is unknown or refuses its arguments.
    """
    check_text("architecture", architecture, "a name")
    for name, count in (("num_classes", num_classes), ("in_channels", in_channels)):
        check_integer(name, count)
    check_given("arguments", arguments, (Mapping, type(None)), "{keyword: value}")
    check_integer("seed", seed, -(2**63), 2**63 - 1)
    place = f"{ARCHITECTURES.key}: {architecture!r}"
    constructor = ARCHITECTURES.find(architecture)
    keywords = {"num_classes": num_classes, **(arguments or {})}
    if architecture.startswith("torchvision/"):
        if in_channels != 3:
            raise ConfigurationError(
                f"{place}: takes images of 3 channels, the data has {in_channels}. Set "
                "'data.channels: 3' to repeat the grey channel."
            )
    else:
        name = "in_chans" if architecture.startswith("timm/") else "in_channels"
        keywords[name] = in_channels
    network = _drawn(constructor, keywords, seed, place)
    if not isinstance(network, nn.Module):
        raise ConfigurationError(
            f"{place}: returned a {type(network).__name__}, where a torch.nn.Module is needed."
        )
    return bare(network)


def _drawn(
    constructor: Callable[..., nn.Module], keywords: dict[str, Any], seed: int, where: str
) -> nn.Module:
    """What a constructor makes, with weights that the seed draws."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(seed))  # a NumPy integer is none to torch
        try:
            return constructor(**keywords)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{where}: {first_line(error)}") from error
        except PlantnasError:
            raise
        except Exception as error:  # whatever a library's constructor does
            raise ConfigurationError(f"{where}: {raised(error)}.") from error


def torchvision_constructor(name: str) -> Callable[..., nn.Module]:
    """What makes a network of torchvision.

    Raises:
        ConfigurationError: torchvision has none of that name.
    """
    from torchvision import models

    names = models.list_models(module=models)
    _check(name, "torchvision", names)
    builder: Callable[..., nn.Module] = models.get_model_builder(name)
    # These two re-initialise by scipy for minutes unless told not to, and warn.
    if name in ("googlenet", "inception_v3"):
        return partial(builder, init_weights=False)
    return builder


def timm_constructor(name: str) -> Callable[..., nn.Module]:
    """What makes a network of timm.

    Raises:
        ConfigurationError: timm has none of that name, or is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise ConfigurationError(
            f"{ARCHITECTURES.key}: 'timm/{name}': {missing('timm', 'timm')}"
        ) from error
    if name.startswith("hf-hub:"):
        raise ConfigurationError(
            f"{ARCHITECTURES.key}: 'timm/{name}': Hugging Face's hub has weights, for "
            "search_space.teacher.weights; the architecture is timm/NAME."
        )
    _check(name.partition(".")[0], "timm", timm.list_models())  # behind the dot: which weights
    return partial(timm.create_model, name)


def _check(name: str, collection: str, names: list[str]) -> None:
    if name not in names:
        raise ConfigurationError(
            f"{ARCHITECTURES.key}: '{collection}/{name}' is unknown. {did_you_mean(name, names)}"
        )
