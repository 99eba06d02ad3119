"""What arguments say becomes a study's configuration, or one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import plantnas
from plantnas.calling.asked import (
    architecture_arguments,
    configured,
    fitting,
    given_teacher,
    name_of,
    teacher_arguments,
    tree_of,
    with_arguments,
)
from plantnas.config import TeacherRecipe
from plantnas.errors import ConfigurationError, DataError, UnsupportedArchitecture
from plantnas.handed import handed
from plantnas.training.handed_data import handed_data
from tests.calling.conftest import Net, net, pair

BEGUN: dict[str, Any] = {"name": "any", "search_space.architecture": "plain", "data.name": "digits"}


def test_arguments_are_laid_over_a_configuration_which_stays_as_it_is() -> None:
    given = {"search": {"steps": 2, "probes": 0}}
    tree = with_arguments(tree_of(given), BEGUN | {"search.steps": 5, "search.cost": None})
    assert (configured(tree).search.steps, configured(tree).search.probes) == (5, 0)
    assert given["search"]["steps"] == 2


def test_numbers_may_be_numpys() -> None:
    numbers = {"search.steps": np.int64(5), "search.maximum_cost": np.float32(9)}
    search = configured(with_arguments({}, BEGUN | numbers)).search
    assert (search.steps, search.maximum_cost) == (5, 9)


def test_a_configuration_may_be_a_studys() -> None:
    config = plantnas.load_study("digits")
    assert configured(tree_of(config)) == config


@pytest.mark.parametrize("teacher", [{"epochs": 7}, TeacherRecipe(epochs=7)])
def test_a_teachers_settings_are_a_mapping_or_its_recipe(teacher: Any) -> None:
    assert teacher_arguments(teacher) == {"teacher.epochs": 7}


def test_a_mistyped_key_is_one_line() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^plantnas\.search: search\.stepz: unknown key\."
    ):
        configured(with_arguments(tree_of({"search": {"stepz": 2}}), BEGUN))


def test_what_arguments_say_is_not_said_twice() -> None:
    with pytest.raises(ConfigurationError, match=r"^config: data\.name: is what the other"):
        tree_of({"data": {"name": "digits"}})


def test_a_loss_is_the_function_itself() -> None:
    def loss(logits: Any, labels: Any, teacher_logits: Any) -> Any:
        return logits.sum()

    name = name_of("loss", loss)
    assert name == "handed/loss"
    assert handed(name, "loss")(None) is loss


def test_a_module_says_how_many_classes_there_are() -> None:
    images, _ = pair(4)
    two = images, torch.tensor([0, 1, 0, 1])
    assert fitting("model", net(), handed_data(two, two, None)).num_classes == 4
    with pytest.raises(DataError, match=r"^validation: target 3 is 4: the model tells 4 classes"):
        fitting("model", net(), handed_data(two, (images, torch.arange(4) + 1), None))


def test_a_module_that_does_not_run_on_the_images_is_one_line() -> None:
    data = handed_data(pair(4), pair(4), None)
    with pytest.raises(
        UnsupportedArchitecture, match=r"^model: cannot be run on images of 1 x 6 x 6"
    ):
        fitting("model", nn.Conv2d(3, 8, 3), data)


def test_a_teacher_of_what_the_model_is_gives_its_channels_and_any_other_none() -> None:
    data = fitting("model", net(), handed_data(pair(4), pair(4), None))
    for model in (net(), Net):
        alike = given_teacher(net(1), model, {}, data)
        assert alike["search_space.teacher.architecture"] is None
        assert alike["search_space.teacher.weights"].startswith("handed/Net-")
    for other in (Net(9), nn.Sequential(nn.Flatten(), nn.Linear(36, 4))):
        named = given_teacher(other, net(), {}, data)
        assert named["search_space.teacher.architecture"].startswith("handed/")
        assert named["teacher.epochs"] == 0


def test_a_teacher_is_said_once_and_trained_if_the_configuration_says_so() -> None:
    data = fitting("model", net(), handed_data(pair(4), pair(4), None))
    assert given_teacher(net(1), net(), {"teacher": {"epochs": 2}}, data)["teacher.epochs"] is None
    named = {"search_space": {"teacher": {"architecture": "plain", "weights": "file.pt"}}}
    assert tree_of(named) == named
    assert architecture_arguments(net(), named)["search_space.teacher.weights"] is None
    with pytest.raises(ConfigurationError, match=r"^config: search_space\.teacher\.arch"):
        given_teacher(net(1), net(), named, data)
    with pytest.raises(DataError, match=r"^train: target 3 is 3: the teacher tells 3"):
        fitting("teacher", nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), data)
