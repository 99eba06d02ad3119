"""A search space is an architecture, how wide its networks are, and what may grow."""

from typing import Any

import pytest

from plantnas.config_files import validated
from plantnas.errors import ConfigurationError
from plantnas.search_space import SearchSpace


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            {"architecture": "plain", "teacher": {"weights": "a.pt", "width": 0.5}},
            "file: teacher: width 0.5 must be 1 where weights are given.",
        ),
        (
            {"architecture": "plain", "teacher": {"weights": "DEFAULT"}},
            "file: teacher.weights DEFAULT is for torchvision's and timm's architectures, not for "
            "'plain'; give the path of a checkpoint.",
        ),
        (
            {"architecture": "plain", "teacher": {"architecture": "vgg-cifar", "width": 0.5}},
            "file: teacher: width 0.5 must be 1 where architecture is given.",
        ),
        (
            {"architecture": "plain", "teacher": {"arguments": {"width": 3}}},
            "file: teacher: arguments are of an architecture of its own, which is not given.",
        ),
        (
            {"architecture": "torchvision/vgg11", "teacher": {"weights": "hf-hub:timm/it"}},
            "file: teacher.weights hf-hub:timm/it is for timm's architectures, not for "
            "'torchvision/vgg11'; give the path of a checkpoint.",
        ),
    ],
)
def test_a_teacher_that_cannot_be_had_is_refused(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validated(SearchSpace, space, "file")
    assert str(caught.value) == message


def test_a_teacher_of_another_architecture_is_built_from_that() -> None:
    teacher = {
        "architecture": "timm/resnet10t",
        "arguments": {"stem_width": 8},
        "weights": "DEFAULT",
    }
    space = SearchSpace.model_validate({"architecture": "plain", "teacher": teacher})
    of_teacher = space.of_teacher
    assert (of_teacher.architecture, of_teacher.arguments) == ("timm/resnet10t", {"stem_width": 8})
    assert (space.has_other_teacher, of_teacher.has_other_teacher) == (True, False)
    assert of_teacher.of_teacher == of_teacher
