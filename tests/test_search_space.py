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
            {"architecture": "torchvision/vgg11", "teacher": {"weights": "hf-hub:timm/it"}},
            "file: teacher.weights hf-hub:timm/it is for timm's architectures, not for "
            "'torchvision/vgg11'; give the path of a checkpoint.",
        ),
    ],
)
def test_a_search_space_that_cannot_have_weights_is_refused(
    space: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validated(SearchSpace, space, "file")
    assert str(caught.value) == message
