"""A study as the base sampler of one parent sees it: the trials of that parent that rank plantings.

Nothing here decides which parent a trial has (`policies`) or which sampler is used (`sampler`).
"""

import copy
from collections.abc import Container, Sequence
from typing import Any, NamedTuple, cast

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.optuna_private import StudyView, storage_of
from plantnas.trials.assignments import assignment_of
from plantnas.trials.history import Assignment, Kind


class Scope(NamedTuple):
    """Which trials a base sampler may compare.

    Attributes:
        parent: The number of their parent's grow trial, None for the seed.
        kind: Probes, whose first value is minus a loss, or screens.
    """

    parent: int | None = None
    kind: Kind = "screen"


def scope_of(assignment: Assignment) -> Scope:
    """That of a trial's parent; a grow is proposed nothing, whatever it sees."""
    return Scope(assignment.parent, "screen" if assignment.kind == "grow" else assignment.kind)


def is_planting_study(study: optuna.Study) -> bool:
    """Whether the study has the two objectives: accuracy to maximize, cost to minimize."""
    return study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]


class ScopedStudy(StudyView):
    """A view of a study: all ways that samplers read trials give those of one scope.

    Samplers ask the study (publicly and privately) and the storage for trials, and keep notes in
    the study's system attributes; all three are scoped. Everything else is the study's own.

    Args:
        study: The study, or Hyperband's view of it.
        scope: The trials that are seen.
        objectives: Only so many of the study's objectives are seen; None: all of them.
    """

    def __init__(self, study: optuna.Study, scope: Scope, objectives: int | None = None) -> None:
        self._view = _View(scope, objectives)
        storage = cast(BaseStorage, ScopedStorage(storage_of(study), self._view))
        super().__init__(study, storage, objectives)

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The scope's trials."""
        trials = self.whole.get_trials(deepcopy=False, states=states)
        return self._view.of(trials, deepcopy)

    def sampled_trials(
        self, deepcopy: bool, states: Container[TrialState] | None, use_cache: bool
    ) -> list[FrozenTrial]:
        """The scope's trials, as read when the trial began: its policy saw the same study."""
        use_cache = use_cache or is_planting_study(self.whole)
        return self._view.of(super().sampled_trials(False, states, use_cache), deepcopy)

    def stop(self) -> None:
        """End the study, unless it has plantings: a scope may be exhausted, the study is not."""
        if not is_planting_study(self.whole):
            self.whole.stop()


class ScopedStorage:
    """A view of a storage, for `ScopedStudy`."""

    def __init__(self, storage: BaseStorage, view: "_View") -> None:
        self._storage = storage
        self._view = view
        parent, kind = view.scope
        self._prefix = f"plantnas:{'seed' if parent is None else parent}:"
        if kind != "screen":
            self._prefix = f"plantnas:{kind}:{self._prefix}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The scope's trials."""
        trials = self._storage.get_all_trials(study_id, deepcopy=False, states=states)
        return self._view.of(trials, deepcopy)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """The notes that the scope's sampler made."""
        attributes = self._storage.get_study_system_attrs(study_id)
        return {
            key.removeprefix(self._prefix): value
            for key, value in attributes.items()
            if key.startswith(self._prefix)
        }

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Make a note for the samplers of this scope, in all workers."""
        self._storage.set_study_system_attr(study_id, self._prefix + key, value)


class _View(NamedTuple):
    """Which trials are seen, and how much of them."""

    scope: Scope
    objectives: int | None

    def of(self, trials: Sequence[FrozenTrial], deepcopy: bool) -> list[FrozenTrial]:
        chosen = [
            trial
            for trial in trials
            if (assignment := assignment_of(trial)) is not None
            and (assignment.parent, assignment.kind) == self.scope
        ]
        if deepcopy:
            chosen = copy.deepcopy(chosen)
        return chosen if self.objectives is None else [self._cut(trial) for trial in chosen]

    def _cut(self, trial: FrozenTrial) -> FrozenTrial:
        """The trial with the first objectives' values."""
        if trial.state != TrialState.COMPLETE:
            return trial
        cut = copy.copy(trial)
        cut.values = trial.values[: self.objectives]
        return cut
