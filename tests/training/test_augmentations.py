"""The transforms that a study names, and what is said of those that it cannot have."""

import pytest

from plantnas.config import Data
from plantnas.errors import ConfigurationError
from plantnas.training.augmentations import AUGMENTATIONS, mixes_of, transforms_of
from plantnas.training.mixing import CutMix, MixUp


def study_with(*steps: object) -> Data:
    return Data.model_validate({"name": "digits", "augment": steps})


def test_transforms_are_made_in_order_with_their_arguments() -> None:
    data = study_with(
        {"RandAugment": {"magnitude": 5, "interpolation": "bilinear"}}, "RandomErasing"
    )
    (first, rand), (second, _) = transforms_of(data)
    assert mixes_of(data) == []
    assert (first, second) == ("RandAugment", "RandomErasing")
    assert (rand.magnitude, rand.interpolation.value) == (5, "bilinear")  # type: ignore[attr-defined]


def test_mixes_are_no_transforms() -> None:
    data = study_with("CutMix", "RandomErasing", {"MixUp": {"alpha": 0.2}})
    assert [name for name, _ in transforms_of(data)] == ["RandomErasing"]
    assert mixes_of(data) == [CutMix(), MixUp(0.2)]
    with pytest.raises(ConfigurationError, match=r"^data\.augment: MixUp: {'alpha': 0} is not all"):
        mixes_of(study_with({"MixUp": {"alpha": 0}}))


def test_all_names_stand_for_a_transform() -> None:
    assert all(callable(AUGMENTATIONS.find(name)) for name in AUGMENTATIONS)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            {"RandAugment": {"magnitud": 5}},
            "RandAugment: magnitud: unknown argument. Did you mean 'magnitude'?",
        ),
        ("RandomResizedCrop", "RandomResizedCrop: size: is missing."),
        (
            {"AutoAugment": {"policy": "imagnet"}},
            "AutoAugment: policy: 'imagnet' is unknown. Did you mean 'imagenet'?",
        ),
        (
            {"RandomErasing": {"p": 3}},
            "RandomErasing: {'p': 3} is not allowed: `p` should be a floating point value in the "
            "interval [0.0, 1.0].",
        ),
    ],
)
def test_arguments_that_a_transform_does_not_take_are_told(step: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        transforms_of(study_with(step))
    assert str(raised.value) == f"data.augment: {message}"
