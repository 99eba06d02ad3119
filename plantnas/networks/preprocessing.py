"""How images were prepared for the weights of timm, torchvision or a hub.

A study that is new takes it for its own images where its file says nothing else. How a user's
images are resized and normalised is in plantnas/training.
"""

from typing import Any, NamedTuple

from plantnas.config import StudyConfig
from plantnas.networks.hubs import network_of_timm
from plantnas.search_space import DEFAULT, HUB, SearchSpace
from plantnas.tasks import Data

INTERPOLATIONS = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "bicubic"}
"""Those that a study may name, by what timm and torchvision call them; others are nearest to the
smoothest of them."""


RESIZED = {"center": "shorter", "squash": "both", "border": "longer"}
"""Which sides of an image are, by what timm calls it."""


class Preprocessing(NamedTuple):
    """What a study calls it, in its section `data`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop: float
    resize: str


def as_the_teacher_saw(config: StudyConfig) -> StudyConfig:
    """The study with its images prepared as for its teacher's weights, but for what it says itself.

    Raises:
        ConfigurationError: The weights are a hub's that cannot be reached.
    """
    found = preprocessing_of(config.search_space)
    if found is None:
        return config
    open_keys = [key for key in found._fields if getattr(config.data, key) is None]
    left = {key: getattr(found, key) for key in open_keys}
    tree = config.data.model_dump(exclude_unset=True)
    return config.model_copy(update={"data": Data.model_validate(tree | left)})


def preprocessing_of(space: SearchSpace) -> Preprocessing | None:
    """How images were prepared for the weights of a search space's teacher.

    Returns:
        None where they are none of timm, torchvision or a hub: who trained them knows.
    """
    space = space.of_teacher
    weights, architecture = space.teacher.weights, space.architecture
    if weights is None or not (weights == DEFAULT or weights.startswith(HUB)):
        return None
    if architecture.startswith("torchvision/"):
        return _of_torchvision(architecture.removeprefix("torchvision/"))
    return _of_timm(network_of_timm(space, weights).pretrained_cfg)


def _of_torchvision(name: str) -> Preprocessing:
    from torchvision import models

    given: Any = models.get_model_weights(name).DEFAULT.transforms()
    (resized, *_), (cropped, *_) = given.resize_size, given.crop_size
    return Preprocessing(
        mean=tuple(given.mean),
        std=tuple(given.std),
        interpolation=INTERPOLATIONS.get(given.interpolation.value, "bicubic"),
        crop=cropped / resized,
        resize="shorter",
    )


def _of_timm(prepared_as: dict[str, Any]) -> Preprocessing:
    return Preprocessing(
        mean=tuple(prepared_as["mean"]),
        std=tuple(prepared_as["std"]),
        interpolation=INTERPOLATIONS.get(prepared_as["interpolation"], "bicubic"),
        crop=prepared_as.get("crop_pct") or 1.0,
        resize=RESIZED.get(prepared_as.get("crop_mode", ""), "shorter"),
    )
