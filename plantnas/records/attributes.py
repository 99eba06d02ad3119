"""What the attributes of trials and studies must be, of those that plantnas gives them.

Anybody can write them, and a disk can damage them: they are checked where they are read. Their
names are in ``optuna_tables.py``.
"""

from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial

from plantnas.errors import shown
from plantnas.records.optuna_tables import (
    ASSIGNMENT_KEY,
    EPOCHS_SAVED_KEY,
    HELD_BACK_LOSS_KEY,
    HISTORY_KEY,
    KIND_KEY,
    MACS_KEY,
    NETWORK_KEY,
    PARAMETERS_KEY,
    PARENT_KEY,
    PLANTING_KEY,
    REASON_KEY,
    STEP_KEY,
    STOPPED_AFTER_KEY,
    VALIDATION_LOSS_KEY,
    WIDTHS_KEY,
    WORKER_KEY,
    accuracy_key,
    cost_key,
    parameters_key,
)

_NUMBER = (int, float)

OF_TRIALS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys((KIND_KEY, WORKER_KEY, REASON_KEY, PLANTING_KEY, WIDTHS_KEY), (str,)),
    **dict.fromkeys((STEP_KEY, NETWORK_KEY, STOPPED_AFTER_KEY, EPOCHS_SAVED_KEY), (int,)),
    **dict.fromkeys((PARAMETERS_KEY, MACS_KEY, VALIDATION_LOSS_KEY, HELD_BACK_LOSS_KEY), _NUMBER),
    PARENT_KEY: (int, str),
}
SYSTEM: Mapping[str, tuple[type, ...]] = {
    ASSIGNMENT_KEY: (dict, type(None)),
    HISTORY_KEY: (list,),
}
OF_STUDIES: Mapping[str, tuple[type, ...]] = {
    key(method): _NUMBER
    for key in (accuracy_key, cost_key, parameters_key)
    for method in ("seed", "teacher")
}
ASSIGNMENT: Mapping[str, tuple[type, ...]] = {
    "kind": (str,),
    "step": (int,),
    **dict.fromkeys(("parent", "repeats", "screened", "ahead"), (int, type(None))),
}
"""The types of attributes' values by their names, and of the parts of an assignment."""


def check_trial(trial: FrozenTrial) -> None:
    """Refuses attributes of a trial that plantnas has not written so.

    Raises:
        TypeError: It is refused.
        KeyError: Something is missing.
    """
    _check(trial.user_attrs, OF_TRIALS)
    _check(trial.system_attrs, SYSTEM)
    if (assignment := trial.system_attrs.get(ASSIGNMENT_KEY)) is not None:
        _check(assignment, ASSIGNMENT)
        if missing := {"kind", "step", "parent"} - assignment.keys():
            raise KeyError(f"its {ASSIGNMENT_KEY} has no {min(missing)}")


def check_study(attributes: Mapping[str, Any]) -> None:
    """Refuses user attributes of a study that plantnas has not written so.

    Raises:
        TypeError: It is refused.
    """
    _check(attributes, OF_STUDIES)


def _check(attributes: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> None:
    for key in attributes.keys() & kinds:
        if type(attributes[key]) not in kinds[key]:
            raise TypeError(f"its {key} is {shown(attributes[key])}")
