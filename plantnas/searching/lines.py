"""How far a study has come, in lines, for what is no terminal: logs, pipes, nohup."""

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from plantnas.channels.costs import shown_cost, title_of
from plantnas.errors import Say
from plantnas.listening import TrainingProgress, shown, time_left, training_title
from plantnas.records.optuna_tables import DIVERGED, REASON_KEY
from plantnas.searching.progress import StepProgress, maximised, progress
from plantnas.trials.assignments import assignment_of

EVERY = 10
"""Of so many epochs one has a line, and the last one of a teacher or seed."""


class Lines:
    """A line for every tenth epoch, and for each trial that has ended.

    Attributes:
        say: Says a line.
    """

    def __init__(self, say: Say, cost: str = "parameters") -> None:
        """Says lines, with what networks cost by this name."""
        self.say = say
        self._cost = cost
        self.callbacks = (self.ended,)

    def told(self, so_far: TrainingProgress) -> None:
        """Says how far a training is, now and then."""
        is_done = so_far.epoch == so_far.epochs
        has_no_other = so_far.kind in ("teacher", "seed")
        if so_far.epoch % EVERY == 0 or (is_done and has_no_other):
            left = "" if is_done else f", {time_left(so_far.seconds_left)}"
            self.say(f"{training_title(so_far)}: {shown(so_far)}{left}")

    def ended(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Says what came of a trial, unless its proposal was not worth a training."""
        if (line := trial_line(study, trial, self._cost)) is not None:
            self.say(line)

    def show(self, study: optuna.Study) -> Sequence[StepProgress]:
        """How far the study is, of which lines tell enough."""
        return progress(study.get_trials(deepcopy=False))


def trial_line(study: optuna.Study, trial: FrozenTrial, cost: str) -> str | None:
    """What came of a trial that has ended; None of one whose proposal was not trained.

    Args:
        study: Its study.
        trial: As it ended.
        cost: The name of what the study trades accuracy for.
    """
    assignment, reason = assignment_of(trial), str(trial.user_attrs.get(REASON_KEY, ""))
    if assignment is None:
        return None
    what = f"trial {trial.number} ({assignment.kind} of step {assignment.step})"
    if trial.state == TrialState.FAIL:
        return f"{what}: failed: {reason or 'its worker has died'}"
    if trial.state != TrialState.COMPLETE:
        return f"{what}: {reason}" if reason.startswith(DIVERGED) else None
    value, price = trial.values
    metric = maximised(study)
    achieved = f"validation {metric.words} {metric.text(value)}"
    if assignment.kind == "probe":
        achieved = f"loss {-value:.4f} without training"
    seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
    size = f"{shown_cost(price)} {title_of(cost)}"
    return f"{what}: {achieved}, {size}, in {seconds:.1f} seconds"
