"""One call from Python trains, searches and returns; and goes on where it ended."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import plantnas
from plantnas.errors import ArgumentError, PlantnasError
from plantnas.listening import TrainingProgress
from tests.calling.conftest import QUICK, Net, net, pair

if TYPE_CHECKING:
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from plantnas.calling.result import SearchResult


def test_the_call_shows_what_it_takes() -> None:
    assert list(inspect.signature(plantnas.search).parameters)[:3] == [
        "model",
        "train",
        "validation",
    ]


def test_the_teacher_starts_from_the_weights_of_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = net()
    kept = QUICK | {"teacher": {"epochs": 0}}
    result = plantnas.search(given, pair(64), pair(32, 64), directory=tmp_path, timeout=0, **kept)
    images = pair(8)[0]
    teacher = result.load(1)
    torch.testing.assert_close(teacher(result.inputs(images)), given(result.inputs(images)))


def test_a_trained_teacher_of_another_architecture_is_kept_as_it_is(tmp_path: Path) -> None:
    teacher, said = nn.Sequential(nn.Flatten(), nn.Linear(36, 4)), list[str]()
    arguments = QUICK | {"teacher": teacher, "directory": tmp_path, "say": said.append}
    result = plantnas.search(net(), pair(64), pair(32, 64), timeout=0, **arguments)
    assert "channels correspond to no student's: these start fresh" in said[0]
    images = pair(8)[0]
    torch.testing.assert_close(result.load(1)(images), teacher(images))
    arguments["teacher"] = None
    with pytest.raises(PlantnasError, match=r"^teacher: not what study .* here none, there 'Seq"):
        plantnas.search(net(), pair(64), pair(32, 64), timeout=0, **arguments)


def test_a_data_set_that_is_more_than_memory_should_hold_is_searched_with_alike(
    tmp_path: Path,
) -> None:
    """By workers too, which map the file that this process has written."""
    splits = [list(zip(*pair(*of), strict=True)) for of in ((64,), (32, 64), (32, 96))]
    found = list[str]()
    for limit, workers in ((1.0, 1), (1e-9, 1), (1e-9, 2)):
        folder = tmp_path / f"{limit} {workers}"
        config = QUICK["config"] | {"data": {"memory_gigabytes": limit}}
        arguments = QUICK | {"config": config, "directory": folder, "workers": workers}
        result = plantnas.search(net(), *splits, name="small", **arguments)
        found.append(result.networks.iloc[:2][["parameters", "test_accuracy"]].to_json())
        assert len(list(folder.glob("images/*.pixels"))) == (3 if limit < 1 else 0)
    assert found[0] == found[1] == found[2]  # teacher and seed


def test_the_caller_keeps_its_module(searched: SearchResult, tmp_path: Path) -> None:
    given = net()
    plantnas.search(given, pair(64), pair(32, 64), directory=tmp_path, timeout=0, **QUICK)
    for name, tensor in net().state_dict().items():
        assert torch.equal(given.state_dict()[name], tensor)


def test_the_same_call_goes_on_with_what_there_is(searched: SearchResult) -> None:
    again = plantnas.search(
        net(), pair(64), pair(32, 64), name="small", directory=searched.directory, **QUICK
    )
    assert again.networks.equals(searched.networks)


@pytest.mark.parametrize(
    ("model", "first", "message"),
    [
        (1, 64, r"^model: not what study 'small' was made with: here 'Net-.*, there 'Net-.*\.$"),
        (0, 68, r"^train and validation: not what study 'small' was made with: here 'data-"),
    ],
)
def test_another_model_or_other_data_are_refused(
    searched: SearchResult, model: int, first: int, message: str
) -> None:
    with pytest.raises(PlantnasError, match=message):
        plantnas.search(
            net(model), pair(64), pair(32, first), name="small", storage=searched.storage, **QUICK
        )


def test_a_function_or_class_makes_the_networks(tmp_path: Path) -> None:
    result = plantnas.search(
        lambda: Net(6), pair(32), pair(16, 32), directory=tmp_path, timeout=0, **QUICK
    )
    assert result.load(1)[0].out_channels == 6


def test_callbacks_hear_of_every_trial_and_may_end_the_search(tmp_path: Path) -> None:
    heard = list[int]()

    def stop(study: optuna.Study, trial: FrozenTrial) -> None:
        heard.append(trial.number)
        study.stop()

    said, trained = list[str](), list[TrainingProgress]()
    arguments = QUICK | {"callbacks": [stop], "say": said.append}
    arguments["epoch_callbacks"] = [trained.append]
    result = plantnas.search(net(), pair(64), pair(32, 64), directory=tmp_path, **arguments)
    assert heard == [0]
    assert said[-1].startswith("Study 'net' is not complete")
    arguments["callbacks"] = [lambda study, trial: heard.append(trial.number)]
    plantnas.search(net(), pair(64), pair(32, 64), directory=tmp_path, **arguments)
    assert heard == [trial.number for trial in result.optuna.trials]
    assert said[-1] == "Study 'net' is complete."
    assert {each.kind for each in trained if each.loss is None} == {"logits"}
    kinds = [each.kind for each in trained if each.loss is not None]
    assert kinds == ["teacher", "seed", "screen", "grow"]


def test_what_a_callback_raises_is_one_line(tmp_path: Path) -> None:
    def broken(study: optuna.Study, trial: FrozenTrial) -> None:
        raise RuntimeError("no such board")

    arguments: dict[str, Any] = QUICK | {"callbacks": [broken]}
    with pytest.raises(
        PlantnasError, match=r"^callbacks: broken: raised RuntimeError: no such board"
    ):
        plantnas.search(net(), pair(64), pair(32, 64), directory=tmp_path, **arguments)


@pytest.mark.parametrize(
    ("argument", "given"),
    [("timeout", "1h"), ("callbacks", [3]), ("callbacks", print), ("devices", 0), ("cost", 3)],
)
def test_an_argument_of_another_kind_is_refused_by_its_name(argument: str, given: object) -> None:
    arguments: dict[str, Any] = QUICK | {argument: given}
    with pytest.raises(ArgumentError, match=rf"^{argument}: "):
        plantnas.search(net(), pair(4), pair(4), storage="nonsense://", **arguments)


@pytest.mark.slow
def test_workers_get_copies_of_what_only_this_process_has(tmp_path: Path) -> None:
    class Local(Net):
        """A class that no import finds."""

    heard = list[str]()
    arguments = QUICK | {"epoch_callbacks": [lambda progress: heard.append(progress.kind)]}
    result = plantnas.search(
        Local(), pair(64), pair(32, 64), directory=tmp_path, workers=2, **arguments
    )
    assert (result.networks.kind == "grow").any()
    assert {"teacher", "seed", "screen", "grow"} <= set(heard), "what workers train is heard too"
    assert not list(tmp_path.glob("handed-*"))
