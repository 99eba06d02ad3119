"""A new study prepares its images as for its teacher's weights, but for what it says itself."""

from typing import Any

import pytest

from plantnas.config import StudyConfig
from plantnas.networks.preprocessing import Preprocessing, as_the_teacher_saw, preprocessing_of
from plantnas.search_space import SearchSpace, Teacher

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def space_of(architecture: str, weights: str | None) -> SearchSpace:
    return SearchSpace(architecture=architecture, teacher=Teacher(weights=weights))


@pytest.mark.parametrize(
    ("architecture", "found"),
    [
        (
            "torchvision/resnet18",
            Preprocessing(IMAGENET["mean"], IMAGENET["std"], "bilinear", 0.875, "shorter"),
        ),
        (
            "timm/tf_efficientnet_lite0",
            Preprocessing((0.5,) * 3, (0.5,) * 3, "bicubic", crop=0.875, resize="shorter"),
        ),
    ],
)
def test_pretrained_weights_know_how_images_were_prepared(
    architecture: str, found: Preprocessing
) -> None:
    assert preprocessing_of(space_of(architecture, "DEFAULT")) == found


@pytest.mark.parametrize(
    ("crop_mode", "resize"),
    [(None, "shorter"), ("center", "shorter"), ("squash", "both"), ("border", "longer")],
)
def test_what_timm_calls_which_sides_are_resized(crop_mode: str | None, resize: str) -> None:
    prepared = {"pretrained_cfg_overlay": {"crop_mode": crop_mode}}
    space = space_of("timm/test_efficientnet", "DEFAULT").model_copy(update={"arguments": prepared})
    found = preprocessing_of(space)
    assert found is not None
    assert found.resize == resize


@pytest.mark.parametrize("weights", [None, "of_mine.pt"])
def test_weights_of_the_users_do_not_say(weights: str | None) -> None:
    assert preprocessing_of(space_of("torchvision/resnet18", weights)) is None


def study(data: dict[str, Any], weights: str | None) -> StudyConfig:
    space = space_of("torchvision/resnet18", weights)
    return StudyConfig.model_validate(
        {"name": "it", "search_space": space, "data": {"name": "svhn", **data}}
    )


def test_what_a_study_says_itself_stays() -> None:
    data = as_the_teacher_saw(study({"mean": [0, 0, 0], "crop": 1.0}, "DEFAULT")).data
    assert (data.mean, data.crop) == ((0, 0, 0), 1.0)
    assert (data.std, data.interpolation, data.resize) == (IMAGENET["std"], "bilinear", "shorter")


def test_a_study_without_pretrained_weights_stays_as_it_is() -> None:
    config = study({}, None)
    assert as_the_teacher_saw(config) == config
