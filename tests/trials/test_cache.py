"""What one worker sees of the trials that others run, and how much it reads for that."""

from pathlib import Path

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from sqlalchemy import event

from plantnas.trials.cache import SparingStorage
from plantnas.trials.sampler import PlantingSampler

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def worker(url: str) -> optuna.Study:
    return optuna.create_study(
        storage=SparingStorage(url),
        study_name="study",
        directions=["maximize", "minimize"],
        sampler=PlantingSampler(RandomSampler(seed=0)),
        load_if_exists=True,
    )


@pytest.fixture
def workers(tmp_path: Path) -> tuple[optuna.Study, optuna.Study]:
    """Two of one study, which has a finished trial."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    first, second = worker(url), worker(url)
    first.tell(begun(first), (0.5, 100.0))
    return first, second


def begun(study: optuna.Study) -> optuna.Trial:
    """A trial that trains."""
    trial = study.ask()
    trial.suggest_int("a", 0, 9)
    trial.set_constraint("parameters", -1.0)
    return trial


def seen(study: optuna.Study, number: int) -> optuna.trial.FrozenTrial:
    return study.get_trials(deepcopy=False)[number]


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
def test_a_trial_that_ends_elsewhere_is_seen_with_all_it_left(
    workers: tuple[optuna.Study, optuna.Study], state: TrialState
) -> None:
    here, elsewhere = workers
    trial = begun(elsewhere)
    assert seen(here, 1).state == TrialState.RUNNING
    trial.set_user_attr("validation_loss", 0.25)
    values = (0.75, 200.0) if state == TrialState.COMPLETE else None
    elsewhere.tell(trial, values, state)
    assert seen(here, 1) == elsewhere.trials[1]
    assert seen(here, 1).user_attrs["validation_loss"] == 0.25


def test_a_trial_is_read_until_it_trains(workers: tuple[optuna.Study, optuna.Study]) -> None:
    here, elsewhere = workers
    trial = elsewhere.ask()
    assert seen(here, 1).params == {}
    trial.suggest_int("a", 0, 9)
    assert seen(here, 1).params == trial.params
    trial.set_constraint("parameters", -1.0)
    assert "constraints:parameters" in seen(here, 1).system_attrs


def test_trials_created_meanwhile_are_seen(workers: tuple[optuna.Study, optuna.Study]) -> None:
    here, elsewhere = workers
    for number in range(1, 6):
        begun(elsewhere)
        assert len(here.get_trials(deepcopy=False)) == number + 1
    elsewhere.tell(3, (0.5, 100.0))
    begun(elsewhere)
    running = [trial.number for trial in here.trials if trial.state == TrialState.RUNNING]
    assert running == [1, 2, 4, 5, 6]


def test_trials_that_train_are_read_in_one_statement(
    workers: tuple[optuna.Study, optuna.Study],
) -> None:
    here, elsewhere = workers
    for _ in range(5):
        begun(elsewhere)
    here.get_trials(deepcopy=False)
    statements: list[str] = []
    storage = here._storage._backend  # type: ignore[attr-defined]  # Optuna's cache of it

    @event.listens_for(storage.engine, "before_cursor_execute")
    def note(_1: object, _2: object, statement: str, *_: object) -> None:
        statements.append(statement)

    here.get_trials(deepcopy=False)
    assert not [each for each in statements if "trial_params" in each]
    assert len(statements) <= 3


def test_a_worker_that_joins_sees_everything(
    workers: tuple[optuna.Study, optuna.Study], tmp_path: Path
) -> None:
    begun(workers[1])
    joined = worker(f"sqlite:///{tmp_path / 'study.db'}")
    assert joined.trials == workers[1].trials


def test_a_study_without_plantings_is_read_in_full(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    here, elsewhere = (
        optuna.create_study(storage=SparingStorage(url), study_name="other", load_if_exists=True)
        for _ in range(2)
    )
    here.tell(here.ask(), 1.0)
    trial = elsewhere.ask()
    trial.set_constraint("parameters", -1.0)
    seen(here, 1)
    trial.suggest_int("late", 0, 9)
    assert seen(here, 1).params == trial.params
