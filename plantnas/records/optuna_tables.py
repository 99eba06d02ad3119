"""Optuna's tables, as far as plantnas reads or writes them itself, and what it keeps in them.

The names of all attributes of trials and studies are here, and the words for a trial's state. Our
own tables are in ``tables.py``, what is private in Optuna's classes in ``optuna_private.py``.
"""

import warnings
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import DateTime, Enum, Float, Integer, String, Text, column, table

from plantnas.measured import ACCURACY, Metric

if TYPE_CHECKING:
    import optuna

STUDIES = table("studies", column("study_id", Integer), column("study_name", String))

DIRECTIONS = table(
    "study_directions",
    column("study_id", Integer),
    column("objective", Integer),
    column("direction", Enum("NOT_SET", "MINIMIZE", "MAXIMIZE", name="studydirection")),
)

TRIALS = table(
    "trials",
    column("trial_id", Integer),
    column("study_id", Integer),
    column("number", Integer),
    column("state", Enum("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING", name="trialstate")),
    column("datetime_start", DateTime),  # in UTC, without saying so, as all moments here
    column("datetime_complete", DateTime),
)

VALUES = table(
    "trial_values",
    column("trial_id", Integer),
    column("objective", Integer),
    column("value", Float),  # none of one that is not finite
    column("value_type", Enum("FINITE", "INF_POS", "INF_NEG", name="trialvaluetype")),
)

INTERMEDIATE_VALUES = table(
    "trial_intermediate_values",
    column("trial_id", Integer),
    column("step", Integer),
    column("intermediate_value", Float),
    column(
        "intermediate_value_type",
        Enum("FINITE", "INF_POS", "INF_NEG", "NAN", name="trialintermediatevaluetype"),
    ),
)

PARAMETERS = table(
    "trial_params",
    column("param_id", Integer),
    column("trial_id", Integer),
    column("param_name", String),
    column("param_value", Float),
    column("distribution_json", Text),
)

USER_ATTRIBUTES = table(
    "trial_user_attributes",
    column("trial_id", Integer),
    column("key", String),
    column("value_json", Text),
)

SYSTEM_ATTRIBUTES = table(
    "trial_system_attributes",
    column("trial_id", Integer),
    column("key", String),
    column("value_json", Text),
)

HEARTBEATS = table("trial_heartbeats", column("trial_id", Integer), column("heartbeat", DateTime))

NAMES = {
    *(STUDIES.name, DIRECTIONS.name, "study_user_attributes", "study_system_attributes"),
    *(TRIALS.name, VALUES.name, INTERMEDIATE_VALUES.name, PARAMETERS.name, USER_ATTRIBUTES.name),
    *(SYSTEM_ATTRIBUTES.name, HEARTBEATS.name, "version_info", "alembic_version"),
}
"""The names of all of Optuna's tables."""

DIRECTION_WORDS: list[Literal["maximize", "minimize"]] = ["maximize", "minimize"]
"""What becomes of the two values of a planting study's trials: a metric, and a cost."""


# User attributes of a trial: for people, plots and the dashboard

KIND_KEY, STEP_KEY, PARENT_KEY = "kind", "step", "parent"
"""The readable part of a trial's assignment; the parent is a trial's number, or ``seed``."""

WORKER_KEY = "worker"
"""The name of the trial's worker, host:process:start; see ``plantnas.trials.owners``."""

REASON_KEY = "reason"
"""Why the trial left no network."""

DIVERGED = "diverged: "
"""How the reason of a trial begins that was trained, or probed, in vain."""

PLANTING_KEY = "planting"
"""The proposed planting, as JSON."""

PARAMETERS_KEY = "parameters"
"""The number of parameters that the proposed planting leads to."""

NO_ROOM_KEY = "no_room"
"""Is there if no planting of the trial's parent is allowed."""

NETWORK_KEY, MACS_KEY, WIDTHS_KEY = "network", "macs", "widths"
"""The id of the trial's network in our tables, its MACs, and its widths as JSON."""

VALIDATION_LOSS_KEY = "validation_loss"
"""The network's, which breaks ties."""

HELD_BACK_LOSS_KEY = "held_back_loss"
"""A probe's, on training images that its network was not fitted to."""

STOPPED_AFTER_KEY, EPOCHS_SAVED_KEY = "stopped_after", "epochs_saved"
"""If the training was stopped early: the epochs that it had, and those that were left."""


def seconds_key(phase: str) -> str:
    """What a phase of the trial took."""
    return f"seconds_{phase}"


# System attributes of a trial: for workers

ASSIGNMENT_KEY = "plantnas:assignment"
"""An Assignment as JSON, or null when the study was complete."""

UNSIGNED_KEY = "plantnas:unsigned_since"
"""When it was first seen to run without its worker's name, in seconds of the database's clock."""

FIXED_PARAMS_KEY = "fixed_params"
"""Optuna's own, for the parameters of an enqueued trial."""

WINDOW_CONSTRAINT = "parameters"
"""Optuna's name of the constraint that the number of parameters is within the step's window."""

SETTLED_KEY = f"constraints:{WINDOW_CONSTRAINT}"
"""Where Optuna keeps it: what the objective writes last before it trains."""

HISTORY_KEY, FIRST_KEY = "retry_history", "failed_trial"
"""Those of Optuna's own `RetryHeartbeatStaleTrialCallback`, which can read them."""


# User attributes of a study


def parameters_key(method: str) -> str:
    """The parameters of the study's teacher or seed."""
    return f"{method}_parameters"


def cost_key(method: str) -> str:
    """The cost of the study's teacher or seed, which policies compare to."""
    return f"{method}_cost"


def accuracy_key(method: str) -> str:
    """The validation accuracy of the study's teacher or seed, which policies compare to."""
    return f"{method}_accuracy"


COMPLETE_KEY = "complete"
"""Is there if the seconds of a plain search, which has a study of its own, are spent."""


# What the two values of a trial, and its states, are called

VALIDATION = "validation "
METRIC_NAMES = [f"{VALIDATION}accuracy", "parameters"]


def name_values(
    study: "optuna.Study", cost_name: str = METRIC_NAMES[1], metric: Metric = ACCURACY
) -> None:
    """Name the two values of a study's trials, unless they have other names than every study has.

    Args:
        study: The study.
        cost_name: What its second value is, as `search.cost` says it.
        metric: What its first value is.
    """
    # Whoever has a study has imported Optuna; those who only read its tables do without.
    from optuna.exceptions import ExperimentalWarning

    named = study.metric_names
    if named is None or (named[0] == METRIC_NAMES[0] and metric != ACCURACY):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([f"{VALIDATION}{metric.words}", cost_name])


Outcome = Literal["complete", "running", "waiting", "failed", "refused"]
"""A trial's state in words. A proposal that is not worth training is refused: Optuna's PRUNED."""


class StateWords(NamedTuple):
    """What a state of Optuna's is called.

    Attributes:
        shown: To people.
        told: To policies, for which a trial that waits to be retried is running.
    """

    shown: Outcome
    told: Literal["running", "complete", "pruned", "failed"]


STATES: dict[str, StateWords] = {
    "COMPLETE": StateWords("complete", "complete"),
    "PRUNED": StateWords("refused", "pruned"),
    "FAIL": StateWords("failed", "failed"),
    "RUNNING": StateWords("running", "running"),
    "WAITING": StateWords("waiting", "running"),
}
"""By the name that Optuna's `TrialState` has for it."""

WITHOUT_NETWORK = ("FAIL", "PRUNED")
"""The states of trials that are over and leave no network."""
