"""How an assignment is stored in an Optuna trial, and read back with the trial's results.

Which assignment a trial gets is in `policies`; when it is written, in `sampler`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.optuna_private import snapshot_of, storage_of, trial_id_of
from plantnas.records.optuna_tables import (
    ASSIGNMENT_KEY,
    DIVERGED,
    FIXED_PARAMS_KEY,
    KIND_KEY,
    NO_ROOM_KEY,
    PARENT_KEY,
    REASON_KEY,
    STATES,
    STEP_KEY,
    STOPPED_AFTER_KEY,
    VALIDATION_LOSS_KEY,
    WORKER_KEY,
    accuracy_key,
    cost_key,
    parameters_key,
)
from plantnas.trials.history import Assignment, Reference, TrialRecord

SCREEN_OF_SEED = Assignment("screen", 1, None)
"""What a trial without a stored assignment counts as: nothing was ever planted before it."""

_known_assignment = lru_cache(maxsize=1024)(Assignment)
"""Thousands of trials have the same few, and each is asked for its own several times a trial."""


def assignment_of(trial: optuna.Trial | FrozenTrial) -> Assignment | None:
    """What the trial is for; None if there was nothing left to do when it was asked for.

    An objective that gets None ends its trial at once:
    `raise optuna.TrialPruned("the study is complete")`.
    """
    # A live trial's snapshot holds the attributes that `before_trial` wrote: no read is needed.
    frozen = snapshot_of(trial) if isinstance(trial, optuna.Trial) else trial
    if is_assigned(frozen):
        return _stored_assignment(frozen)
    return SCREEN_OF_SEED


def is_assigned(trial: FrozenTrial) -> bool:
    """Whether the trial's assignment has been decided."""
    return ASSIGNMENT_KEY in trial.system_attrs


def is_signed(trial: FrozenTrial) -> bool:
    """Whether a worker has said that it runs the trial: one that has begun without was killed."""
    return bool(trial.user_attrs.get(WORKER_KEY))


def write_assignment(
    study: optuna.Study,
    trial: FrozenTrial,
    assignment: Assignment | None,
    params: dict[str, Any] | None = None,
) -> None:
    """Store a decision in the trial, and in the snapshot that its `optuna.Trial` is made of.

    Args:
        study: The trial's study.
        trial: The running trial, as `BaseSampler.before_trial` gets it.
        assignment: The decision.
        params: The parameters that the trial repeats.
    """
    system: dict[str, Any] = {}
    if params is not None:
        system[FIXED_PARAMS_KEY] = params
    # Last, because the others wait for this one: a trial with it has all that it needs.
    system[ASSIGNMENT_KEY] = None if assignment is None else asdict(assignment)
    storage, trial_id = storage_of(study), trial_id_of(trial)
    for key, value in system.items():
        storage.set_trial_system_attr(trial_id, key, value)
    readable: dict[str, Any] = {}  # for people, plots and the dashboard
    if assignment is not None:
        parent = "seed" if assignment.parent is None else assignment.parent
        readable = {KIND_KEY: assignment.kind, STEP_KEY: assignment.step, PARENT_KEY: parent}
    for key, value in readable.items():
        storage.set_trial_user_attr(trial_id, key, value)
    # Replaced, not updated: an in-memory storage may still share the old dictionaries.
    trial.system_attrs = {**trial.system_attrs, **system}
    trial.user_attrs = {**trial.user_attrs, **readable}


def record_of(trial: FrozenTrial) -> TrialRecord:
    """The trial as policies see it: one that began and was not signed has no assignment."""
    is_lost = trial.state == TrialState.RUNNING and not is_signed(trial)
    complete = trial.state == TrialState.COMPLETE
    accuracy, parameters = trial.values if complete else (None, None)
    return TrialRecord(
        number=trial.number,
        state=STATES[trial.state.name].told,
        assignment=None if is_lost else _stored_assignment(trial),
        accuracy=accuracy,
        parameters=parameters,
        validation_loss=trial.user_attrs.get(VALIDATION_LOSS_KEY),
        params=trial.params,
        no_room=trial.user_attrs.get(NO_ROOM_KEY, False),
        stopped=STOPPED_AFTER_KEY in trial.user_attrs,
        diverged=trial.user_attrs.get(REASON_KEY, "").startswith(DIVERGED),
    )


def reference_of(study: optuna.Study) -> Reference:
    """The seed's and the teacher's figures from the study's user attributes, where they are."""
    attributes = study.user_attrs
    return Reference(
        seed_accuracy=attributes.get(accuracy_key("seed")),
        seed_cost=_cost(attributes, "seed"),
        teacher_cost=_cost(attributes, "teacher"),
    )


def _stored_assignment(trial: FrozenTrial) -> Assignment | None:
    stored = trial.system_attrs.get(ASSIGNMENT_KEY)
    if stored is None:
        return None
    repeats = stored.get("repeats", stored.get("screened"))  # as it was called before probes
    kind, step, parent = stored["kind"], stored["step"], stored["parent"]
    return _known_assignment(kind, step, parent, repeats, stored.get("ahead"))


def _cost(attributes: Mapping[str, Any], method: str) -> float | None:
    """The cost of seed or teacher: parameters in a study that is older than `search.cost`."""
    parameters: float | None = attributes.get(parameters_key(method))
    cost: float | None = attributes.get(cost_key(method), parameters)
    return cost
