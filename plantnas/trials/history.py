"""A study's trials as policies see them, and what a policy asks of them.

No Optuna here: trials are read into records in `assignments`. The rules are in `policies`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from plantnas.hypervolume import Point

Kind = Literal["probe", "screen", "grow"]
"""A probe ranks a planting without training; a screen trains it briefly, to rank it; a grow trains
it long, and its network can become a parent."""

MOST_DIVERGED = 10
"""So many trials of a kind and step that diverged, and none that did not, end a study."""


@dataclass(frozen=True)
class Assignment:
    """What a trial is for.

    Attributes:
        kind: What is done with a planting.
        step: The step of the study, from 1.
        parent: The grow trial whose network is planted, or for a probe that looks ahead the screen
            that will be grown; None is the seed.
        repeats: The number of the trial whose planting it repeats: for a grow that of its screen,
            for a screen that of its probe. None proposes a planting.
        ahead: Of a grow: the probe of the next step whose widths are trained along, if any are.
    """

    kind: Kind
    step: int
    parent: int | None
    repeats: int | None = None
    ahead: int | None = None

    @property
    def proposes(self) -> bool:
        """Whether the trial has a planting of its own, and not that of another one."""
        return self.kind != "grow" and self.repeats is None


@dataclass(frozen=True)
class TrialRecord:
    """A trial as a policy sees it.

    Attributes:
        number: Optuna's trial number.
        state: A trial that waits to be retried is "running".
        assignment: None where the trial has none (yet): no policy counts it.
        accuracy: Validation accuracy of a complete trial; of a probe minus its loss.
        parameters: Parameters (or another cost) of a complete trial.
        validation_loss: Breaks ties; None loses them.
        params: Optuna's parameters: new channels for each group.
        no_room: The trial found that no planting of its parent is allowed.
        stopped: The training ended early, as others of the step were better.
        diverged: Of a pruned trial: it was trained, or probed, and its loss was not finite.
    """

    number: int
    state: Literal["running", "complete", "pruned", "failed"]
    assignment: Assignment | None
    accuracy: float | None = None
    parameters: float | None = None
    validation_loss: float | None = None
    params: dict[str, Any] = field(default_factory=dict)
    no_room: bool = False
    stopped: bool = False
    diverged: bool = False

    @property
    def parent(self) -> int | None:
        """The trial whose network is planted; None is the seed, or there is no assignment."""
        return self.assignment.parent if self.assignment else None

    @property
    def point(self) -> Point:
        """Accuracy and cost of a complete trial."""
        return Point(self.accuracy or 0.0, self.parameters or 0.0)


History = Sequence[TrialRecord]
"""The study's other trials by ascending number."""


@dataclass(frozen=True)
class Reference:
    """What a study knows before its first trial; None where it is not known.

    Without the seed's figures the first step is compared to nothing, and without the teacher's
    the corner of the hypervolume lies a little beyond the largest network.
    """

    seed_accuracy: float | None = None
    seed_cost: float | None = None
    teacher_cost: float | None = None

    @property
    def seed(self) -> Point | None:
        """The seed's point, where both its figures are known."""
        if self.seed_accuracy is None or self.seed_cost is None:
            return None
        return Point(self.seed_accuracy, self.seed_cost)


def trials_of(history: History, kind: str, step: int, states: Sequence[str]) -> list[TrialRecord]:
    """The trials of one kind and step in one of the states."""
    return [
        trial
        for trial in history
        if trial.assignment is not None
        and trial.assignment.step == step  # first: most trials are of other steps
        and trial.assignment.kind == kind
        and trial.state in states
    ]


def active_trials(history: History, kind: str, step: int) -> list[TrialRecord]:
    """Running and complete trials; one whose repetition was pruned is withdrawn, and not there."""
    withdrawn = repeated_trials(history, ("pruned",))
    active = trials_of(history, kind, step, ("running", "complete"))
    return [trial for trial in active if trial.number not in withdrawn]


def complete_trials(history: History, kind: str, step: int) -> list[TrialRecord]:
    """The complete trials of one kind and step that are not withdrawn."""
    return [trial for trial in active_trials(history, kind, step) if trial.state == "complete"]


def is_given_up(history: History, kind: str, step: int, most_pruned: int) -> bool:
    """Whether the newest trials of a kind and step were all pruned, and there are so many of them.

    Of those that diverged fewer are enough: they cost a training each.
    """
    complete = complete_trials(history, kind, step)
    last = max((trial.number for trial in complete), default=-1)
    pruned = [trial for trial in trials_of(history, kind, step, ("pruned",)) if trial.number > last]
    return len(pruned) >= most_pruned or sum(each.diverged for each in pruned) >= MOST_DIVERGED


def diverging(history: History) -> list[TrialRecord]:
    """The diverged trials of a kind and step that has no complete one, if it is to end a study."""
    diverged = assignments_of([trial for trial in history if trial.diverged])
    counts = Counter((assignment.kind, assignment.step) for assignment in diverged)
    for (kind, step), count in counts.items():
        if count >= MOST_DIVERGED and not trials_of(history, kind, step, ("complete",)):
            return [one for one in trials_of(history, kind, step, ("pruned",)) if one.diverged]
    return []


def screened_trials(history: History, step: int) -> list[TrialRecord]:
    """The complete screens of a step that are not withdrawn."""
    return complete_trials(history, "screen", step)


def grown_trials(history: History, step: int) -> list[TrialRecord]:
    """The complete grows of a step."""
    return complete_trials(history, "grow", step)


def repeated_trials(history: History, states: Sequence[str]) -> set[int]:
    """The numbers of the trials that one in one of the states repeats."""
    return {
        trial.assignment.repeats
        for trial in history
        if trial.assignment is not None
        and trial.assignment.repeats is not None
        and trial.state in states
    }


def screens_of(history: History, parents: Sequence[int | None]) -> list[int | None]:
    """The screens that were grown as these parents: by them parents are known before they grow.

    The seed is its own, and so is what is not grown.
    """
    grown = {
        trial.number: trial.assignment.repeats
        for trial in history
        if trial.assignment is not None and trial.assignment.kind == "grow"
    }
    return [grown.get(parent, parent) if parent is not None else None for parent in parents]


def with_room(parents: Sequence[int | None], history: History) -> list[int | None]:
    """The parents that no trial found to have no room to grow."""
    full = {trial.assignment.parent for trial in history if trial.no_room and trial.assignment}
    return [parent for parent in parents if parent not in full]


def assignments_of(history: Sequence[TrialRecord]) -> list[Assignment]:
    """The trials' assignments, of those that have one."""
    return [trial.assignment for trial in history if trial.assignment is not None]


def grown_points(
    history: History, reference: Reference, step: int | None
) -> dict[int | None, Point]:
    """The points of networks grown before a step (None: so far) by trial; the seed's is None."""
    points: dict[int | None, Point] = {}
    if reference.seed is not None:
        points[None] = reference.seed
    for trial in history:
        assignment = trial.assignment
        if assignment is None or assignment.kind != "grow" or trial.state != "complete":
            continue
        if step is None or assignment.step < step:
            points[trial.number] = trial.point
    return points
