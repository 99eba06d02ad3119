"""What plantnas needs of Optuna's private names: each has a public one here, and stands here alone.

Who moves to another version of Optuna begins with this file. Optuna's tables, which are private
too, are in ``optuna_tables.py``, its stores of artifacts in ``optuna_artifacts.py``.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._heartbeat import BaseHeartbeat, get_heartbeat_thread, is_heartbeat_enabled
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.attributes import check_study, check_trial
from plantnas.records.damage import damage_told

TRANSACTIONS = (
    *(
        name
        for name in vars(BaseStorage)
        if name.startswith(("get_", "set_", "create_", "delete_"))
    ),
    # What Optuna's cache calls.
    *("_create_new_trial", "_get_best_trial_id", "_get_stale_trial_ids", "_get_trials"),
    "_set_trial_param",
)
"""The methods of a storage that are one transaction each."""


# Studies and trials


def storage_of(study: optuna.Study) -> BaseStorage:
    """The storage of a study, with the cache that Optuna puts before it."""
    return study._storage


def backend_of(storage: BaseStorage) -> BaseStorage:
    """The storage itself, which Optuna wraps in a cache."""
    backend: BaseStorage = getattr(storage, "_backend", storage)
    return backend


def study_id_of(study: optuna.Study) -> int:
    """Optuna's id of a study."""
    return study._study_id


def trial_id_of(trial: optuna.Trial | FrozenTrial) -> int:
    """Optuna's id of a trial, unique in its database; its number is unique in its study."""
    return trial._trial_id


def snapshot_of(trial: optuna.Trial) -> FrozenTrial:
    """A live trial as it began, with what was written to it before: no query is needed."""
    return trial._cached_frozen_trial


def remember_trials(study: optuna.Study, trials: list[FrozenTrial] | None) -> None:
    """What `remembered_trials` gives in this thread; with None, it reads them again."""
    study._thread_local.cached_all_trials = trials


def remembered_trials(study: optuna.Study, states: Container[TrialState]) -> list[FrozenTrial]:
    """The trials in these states, as they were when this thread's trial began."""
    return study._get_trials(deepcopy=False, states=states, use_cache=True)


def log_completed(study: optuna.Study, trial: FrozenTrial) -> None:
    """Say of a complete trial what `study.optimize` says."""
    study._log_completed_trial(trial.values, trial.number, trial.params)


@contextmanager
def in_optimize_loop(study: optuna.Study) -> Iterator[None]:
    """What `study.optimize` does: without it, Optuna takes heartbeats of `ask` for a mistake."""
    study._thread_local.in_optimize_loop = True
    study._stop_flag = False
    try:
        yield
    finally:
        study._thread_local.in_optimize_loop = False
        study._storage.remove_session()


def was_stopped(study: optuna.Study) -> bool:
    """Whether `study.stop()` was called in the loop that runs or ran last."""
    return bool(getattr(study, "_stop_flag", False))


def ask_on(study: optuna.Study) -> optuna.Trial:
    """As `study.ask` within a loop of the caller's, which a sampler does not stop by it.

    A sampler that has nothing for a trial stops Optuna's own loops. One of many workers waits
    instead: what the others run may leave something to do.
    """
    was = was_stopped(study)
    trial = study.ask()
    study._stop_flag = was
    return trial


class StudyView(optuna.Study):
    """A study whose trials and storage a subclass shows in another way; all else is the study's.

    Attributes:
        whole: The study, or another view of it.
    """

    def __init__(
        self, whole: optuna.Study, storage: BaseStorage, objectives: int | None = None
    ) -> None:
        """A view.

        Args:
            whole: The study.
            storage: What stands for its storage.
            objectives: Only so many of the study's objectives are seen; None: all of them.
        """
        # Not super().__init__(), which would read the study's id and directions again.
        self.whole = whole
        self._storage = storage
        self._study_id = whole._study_id
        self._directions = whole._directions[:objectives]
        self._thread_local = whole._thread_local
        self.study_name = whole.study_name
        self.sampler = whole.sampler
        self.pruner = whole.pruner

    def sampled_trials(
        self, deepcopy: bool, states: Container[TrialState] | None, use_cache: bool
    ) -> list[FrozenTrial]:
        """The trials that Optuna's own samplers read, by a private way: the whole study's."""
        return self.whole._get_trials(deepcopy, states, use_cache)

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        return self.sampled_trials(deepcopy, states, use_cache)


# Storages


class OpenStorage(RDBStorage):
    """Optuna's storage, with public names for the private methods that a subclass changes."""

    def read_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included: set[int],
        after: int,
    ) -> list[FrozenTrial]:
        """The trials of these ids, and those of larger ids than `after`: what the cache lacks.

        Raises:
            StorageError: A row is damaged.
        """
        with damage_told(f"study {study_id} of Optuna's: a trial"):
            trials = super()._get_trials(study_id, states, included, after)
            for trial in trials:
                check_trial(trial)
            return trials

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One trial.

        Raises:
            StorageError: A row is damaged.
        """
        with damage_told(f"trial {trial_id} of Optuna's"):
            return super().get_trial(trial_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """What is kept of a study.

        Raises:
            StorageError: A row is damaged.
        """
        with damage_told(f"study {study_id} of Optuna's: an attribute"):
            attributes = super().get_study_user_attrs(study_id)
            check_study(attributes)
            return attributes

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What Optuna itself keeps of a study.

        Raises:
            StorageError: A row is damaged.
        """
        with damage_told(f"study {study_id} of Optuna's: an attribute"):
            return super().get_study_system_attrs(study_id)

    def stale_trials(self, study_id: int) -> list[int]:
        """The ids of the running trials whose worker gives no sign of life."""
        return super()._get_stale_trial_ids(study_id)

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        return self.read_trials(study_id, states, included_trial_ids, trial_id_greater_than)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        return self.stale_trials(study_id)


def record_heartbeat(study: optuna.Study, trial: FrozenTrial) -> None:
    """Say that a trial's worker lives, if the study's storage has heartbeats."""
    if (storage := _with_heartbeats(study)) is not None:
        storage.record_heartbeat(trial._trial_id)


def stale_trial_ids(study: optuna.Study) -> set[int]:
    """The running trials whose worker gives no sign of life; none without heartbeats."""
    storage = _with_heartbeats(study)
    return set() if storage is None else set(storage._get_stale_trial_ids(study._study_id))


@contextmanager
def heartbeats(study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
    """Within, a thread says that the trial's worker lives, if the storage has heartbeats."""
    with get_heartbeat_thread(trial._trial_id, study._storage):
        yield


def _with_heartbeats(study: optuna.Study) -> BaseHeartbeat | None:
    storage = study._storage
    if is_heartbeat_enabled(storage) and isinstance(storage, BaseHeartbeat):
        return storage
    return None
