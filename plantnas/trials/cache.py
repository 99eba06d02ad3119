"""Running trials as others read them: again only when something may have changed.

Optuna keeps finished trials in memory but reads every running one again, with all its parameters
and attributes, several times a trial: with 64 workers that is most of what a trial costs.
How a storage is opened is in `storage`.
"""

from collections.abc import Container
from typing import Any

from optuna.storages import RDBStorage
from optuna.storages._rdb.models import TrialModel
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import or_, select

from plantnas.trials.assignments import is_assigned

SETTLED_KEY = "constraints:parameters"
"""The trial's system attribute that the objective writes last before it trains."""


class SparingStorage(RDBStorage):
    """Optuna's storage for its cache, which is told of a running trial that trains only once.

    A trial that has its assignment, its planting and its constraint says nothing new to others
    until it ends. So long, its state alone is read, in one statement for all of them.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._settled: set[int] = set()

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        known = included_trial_ids & self._settled
        if known and states is None and trial_id_greater_than >= 0:
            current = self._states(study_id, included_trial_ids, trial_id_greater_than)
            running = {key for key, state in current.items() if state == TrialState.RUNNING}
            included_trial_ids = current.keys() - (known & running)
            trial_id_greater_than = max(current, default=trial_id_greater_than)
        trials = super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        self._settled |= {trial._trial_id for trial in trials if _is_settled(trial)}
        self._settled -= {trial._trial_id for trial in trials if trial.state.is_finished()}
        return trials

    def _states(self, study_id: int, trial_ids: set[int], after: int) -> dict[int, TrialState]:
        """Of these trials, and of all that were created after one of them."""
        wanted = or_(TrialModel.trial_id.in_(trial_ids), TrialModel.trial_id > after)
        query = select(TrialModel.trial_id, TrialModel.state)
        with _create_scoped_session(self.scoped_session) as session:
            rows = session.execute(query.where(TrialModel.study_id == study_id, wanted)).all()
        return {row.trial_id: row.state for row in rows}


def _is_settled(trial: FrozenTrial) -> bool:
    running = trial.state == TrialState.RUNNING
    return running and is_assigned(trial) and SETTLED_KEY in trial.system_attrs
