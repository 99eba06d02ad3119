"""Running trials as others read them: again only when something may have changed.

Optuna keeps finished trials in memory but reads every running one again, with all its parameters
and attributes, several times a trial: with 64 workers that is most of what a trial costs.
How a storage is opened is in `storage`.
"""

from collections.abc import Container
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import or_, select

from plantnas.records.optuna_private import OpenStorage, trial_id_of
from plantnas.records.optuna_tables import SETTLED_KEY, TRIALS
from plantnas.trials.assignments import is_assigned


class SparingStorage(OpenStorage):
    """Optuna's storage for its cache, which is told of a running trial that trains only once.

    A trial that has its assignment, its planting and its constraint says nothing new to others
    until it ends. So long, its state alone is read, in one statement for all of them.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._settled: set[int] = set()

    def read_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included: set[int],
        after: int,
    ) -> list[FrozenTrial]:
        """These trials and later ones, but for those that train still."""
        known = included & self._settled
        if known and states is None and after >= 0:
            current = self._states(study_id, included, after)
            running = {key for key, state in current.items() if state == TrialState.RUNNING}
            included = current.keys() - (known & running)
            after = max(current, default=after)
        trials = super().read_trials(study_id, states, included, after)
        self._settled |= {
            trial_id_of(trial)
            for trial in trials
            if trial.state == TrialState.RUNNING
            and is_assigned(trial)
            and SETTLED_KEY in trial.system_attrs
        }
        self._settled -= {trial_id_of(trial) for trial in trials if trial.state.is_finished()}
        return trials

    def _states(self, study_id: int, trial_ids: set[int], after: int) -> dict[int, TrialState]:
        """The states of these trials, and of all that were created after one of them."""
        wanted = or_(TRIALS.c.trial_id.in_(trial_ids), TRIALS.c.trial_id > after)
        query = select(TRIALS.c.trial_id, TRIALS.c.state)
        with self.engine.begin() as connection:
            rows = connection.execute(query.where(TRIALS.c.study_id == study_id, wanted)).all()
        return {row.trial_id: TrialState[row.state] for row in rows}
