"""What is private in Optuna is there still, and does what its public name says."""

from collections.abc import Container
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.optuna_private import (
    TRANSACTIONS,
    OpenStorage,
    StudyView,
    ask_on,
    backend_of,
    heartbeats,
    in_optimize_loop,
    log_completed,
    record_heartbeat,
    remember_trials,
    remembered_trials,
    snapshot_of,
    stale_trial_ids,
    storage_of,
    study_id_of,
    trial_id_of,
    was_stopped,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:Heartbeat of storage"),
]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture
def study(url: str) -> optuna.Study:
    """Its workers say every second that they live, and its first trial is another study's."""
    optuna.create_study(study_name="other", storage=url).ask()
    return optuna.create_study(study_name="study", storage=OpenStorage(url, heartbeat_interval=1))


def test_the_storage_behind_the_cache_is_found(study: optuna.Study) -> None:
    assert isinstance(backend_of(storage_of(study)), OpenStorage)


def test_ids_are_those_of_the_database(study: optuna.Study) -> None:
    trial = study.ask()
    assert storage_of(study).get_study_name_from_id(study_id_of(study)) == "study"
    assert storage_of(study).get_trial(trial_id_of(trial)).number == trial.number == 0


def test_every_transaction_is_a_method_of_the_storage() -> None:
    assert [name for name in TRANSACTIONS if not callable(getattr(OpenStorage, name))] == []
    assert {"get_trial", "set_trial_state_values", "_get_trials"} <= set(TRANSACTIONS)


def test_the_snapshot_of_a_trial_has_what_was_written_before_it_began(
    study: optuna.Study,
) -> None:
    study.enqueue_trial({"a": 1}, user_attrs={"why": "asked"})
    assert snapshot_of(study.ask()).user_attrs == {"why": "asked"}


def test_remembered_trials_are_not_read_again(study: optuna.Study) -> None:
    study.ask()
    remember_trials(study, [])
    assert remembered_trials(study, (TrialState.RUNNING,)) == []
    remember_trials(study, None)
    assert len(remembered_trials(study, (TrialState.RUNNING,))) == 1
    assert remembered_trials(study, (TrialState.FAIL,)) == []


def test_a_complete_trial_is_logged(study: optuna.Study, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="optuna"):
        log_completed(study, study.tell(study.ask(), 0.5))
    assert "Trial 0 finished with value: 0.5" in caplog.text


class First(StudyView):
    """Samplers see the first trial."""

    def sampled_trials(
        self, deepcopy: bool, states: Container[TrialState] | None, use_cache: bool
    ) -> list[FrozenTrial]:
        return super().sampled_trials(deepcopy, states, use_cache)[:1]


def test_samplers_read_a_view_by_their_private_way(study: optuna.Study) -> None:
    for value in (1.0, 2.0):
        study.tell(study.ask(), value)
    view = First(study, storage_of(study))
    assert [trial.number for trial in view._get_trials()] == [0]
    assert (view.study_name, view.directions) == ("study", study.directions)


class Deaf(OpenStorage):
    """Hears of no trial, and believes all workers to be dead."""

    def read_trials(self, *arguments: object) -> list[FrozenTrial]:
        return []

    def stale_trials(self, study_id: int) -> list[int]:
        return [7]


def test_a_storage_is_changed_by_public_names(url: str, study: optuna.Study) -> None:
    study.ask()
    deaf = optuna.load_study(study_name="study", storage=Deaf(url, heartbeat_interval=1))
    assert deaf.trials == []
    assert stale_trial_ids(deaf) == {7}


def test_heartbeats_are_written_while_a_trial_runs(study: optuna.Study) -> None:
    storage = backend_of(storage_of(study))
    assert isinstance(storage, OpenStorage)
    with in_optimize_loop(study):
        trial = study.ask()
        with heartbeats(study, trial):
            pass
    record_heartbeat(study, snapshot_of(trial))
    assert stale_trial_ids(study) == set()


def test_a_storage_without_heartbeats_needs_none() -> None:
    study = optuna.create_study()
    trial = study.ask()
    record_heartbeat(study, snapshot_of(trial))
    with heartbeats(study, trial):
        assert stale_trial_ids(study) == set()


def test_the_storage_of_a_study_in_memory_is_its_own_backend() -> None:
    storage: BaseStorage = storage_of(optuna.create_study())
    assert backend_of(storage) is storage


class Stopping(optuna.samplers.RandomSampler):
    """Has nothing for any trial."""

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        study.stop()


def test_a_sampler_that_has_nothing_for_a_trial_stops_no_loop_but_optunas() -> None:
    study = optuna.create_study(sampler=Stopping())
    with in_optimize_loop(study):
        ask_on(study)
        assert not was_stopped(study)
        study.stop()
        ask_on(study)
        assert was_stopped(study)
    study.optimize(lambda trial: 0.0, n_trials=5)
    assert len(study.trials) == 3, "the loop of Optuna's ended with its first"
