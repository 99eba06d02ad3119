"""The transforms that `data.augment` names: torchvision's, and the user's own.

They are applied in augmenting.py. Nothing here imports torch before a transform is made, so that a
mistyped name is told at once.
"""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from plantnas.errors import ConfigurationError, PlantnasError, did_you_mean, first_line, shown
from plantnas.named import Table
from plantnas.tasks import Data

if TYPE_CHECKING:
    from torch import Tensor

    from plantnas.training.mixing import Mix

    Transform = Callable[[Tensor], Tensor]
    """Makes an image of another, channels x height x width both."""

MIXES = ("CutMix", "MixUp")
"""Those that mix two images."""

AUGMENTATIONS: "Table[Callable[..., Transform | Mix]]" = Table(
    "data.augment",
    {
        name: f"torchvision.transforms.v2:{name}"
        for name in (
            "AugMix",
            "AutoAugment",
            "CenterCrop",
            "ColorJitter",
            "ElasticTransform",
            "GaussianBlur",
            "GaussianNoise",
            "JPEG",
            "Pad",
            "RandAugment",
            "RandomAdjustSharpness",
            "RandomAffine",
            "RandomAutocontrast",
            "RandomChannelPermutation",
            "RandomCrop",
            "RandomEqualize",
            "RandomErasing",
            "RandomGrayscale",
            "RandomHorizontalFlip",
            "RandomInvert",
            "RandomPerspective",
            "RandomPhotometricDistort",
            "RandomPosterize",
            "RandomResizedCrop",
            "RandomRotation",
            "RandomSolarize",
            "RandomVerticalFlip",
            "RandomZoomOut",
            "Resize",
            "TrivialAugmentWide",
        )
    }
    | {name: f"plantnas.training.mixing:{name}" for name in MIXES},
    "a class or function of (arguments) that returns a function of an image, a tensor of channels "
    "x height x width, which returns another one",
    result=Callable,
)
"""torchvision's transforms by their class names, and ways to mix two images."""

ENUMERATIONS = {"interpolation": "InterpolationMode", "policy": "AutoAugmentPolicy"}
"""Arguments that a file says by name: which of torchvision's enumerations each is of."""


def transforms_of(data: Data) -> "list[tuple[str, Transform]]":
    """The transforms that a study names, made with their arguments, each with its name.

    Raises:
        ConfigurationError: One is unknown, or does not take its arguments.
    """
    steps = [each for step in data.augment for each in step.items()]
    return [(name, _made(name, settings)) for name, settings in steps if name not in MIXES]


def mixes_of(data: Data) -> "list[Mix]":
    """The ways to mix two images that a study names; they import nothing of torchvision.

    Raises:
        ConfigurationError: One does not take its arguments.
    """
    steps = [each for step in data.augment for each in step.items()]
    return [_made(name, settings) for name, settings in steps if name in MIXES]


def _made(name: str, settings: Mapping[str, Any]) -> Any:
    make, where = AUGMENTATIONS.find(name), f"{AUGMENTATIONS.key}: {name}"
    parameters = signature(make).parameters
    takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    for argument in settings:
        if argument not in parameters and not takes_any:
            raise ConfigurationError(
                f"{where}: {argument}: unknown argument. {did_you_mean(argument, parameters)}"
            )
    for argument, parameter in parameters.items():
        is_optional = parameter.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        is_optional |= parameter.default is not Parameter.empty
        if argument not in settings and not is_optional:
            raise ConfigurationError(f"{where}: {argument}: is missing.")
    given = {key: _meant(key, value, where) for key, value in settings.items()}
    try:
        return make(**given)
    except PlantnasError:
        raise
    except Exception as error:  # whatever a transform says of its arguments
        raise ConfigurationError(
            f"{where}: {shown(dict(settings))} is not allowed: {first_line(error).rstrip('.')}."
        ) from error


def _meant(argument: str, value: Any, where: str) -> Any:
    """An argument as torchvision takes it."""
    if argument not in ENUMERATIONS or not isinstance(value, str):
        return value
    from torchvision.transforms import v2

    allowed = {each.value: each for each in getattr(v2, ENUMERATIONS[argument])}
    if value not in allowed:
        raise ConfigurationError(
            f"{where}: {argument}: {value!r} is unknown. {did_you_mean(value, allowed)}"
        )
    return allowed[value]
