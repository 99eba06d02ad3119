"""The rules that say what the next trial does: screen a planting of which parent, or grow which.

Pure functions of the trials so far: no Optuna here, no storage, no state between two calls. What
they see of a trial is in `history`, how an assignment is stored in one in `assignments`, who asks
and when in `sampler`, how two networks of different size compare in `winners`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from math import inf
from random import Random
from typing import Any, Protocol, runtime_checkable

from plantnas.errors import ConfigurationError, did_you_mean, first_line
from plantnas.hypervolume import Point, contributions, front, worst_corner
from plantnas.named import Table
from plantnas.trials.history import (
    Assignment,
    History,
    Reference,
    TrialRecord,
    active_trials,
    assignments_of,
    grown_points,
    grown_trials,
    screened_trials,
    trials_of,
    with_room,
)
from plantnas.trials.winners import WINNER_RULES, Comparison


@runtime_checkable
class Policy(Protocol):
    """What `PlantingSampler` asks. Both must follow from the arguments alone."""

    def assign(self, history: History, reference: Reference) -> Assignment | None:
        """The next trial's assignment; None if there is nothing left to start."""

    def screen(self, history: History, reference: Reference) -> Assignment:
        """The assignment of a trial whose planting the user has chosen."""


@dataclass(frozen=True, kw_only=True)
class Beam:
    """Grow the `beam_width` best screens of each step; they are the parents of the next step.

    No worker ever waits for another:

    1. While fewer than `trials_per_step` screens of the step are running or complete: screen.
       The step's parents with room to grow share the screens evenly. Pruned screens (a duplicate,
       nothing planted, infeasible) and failed ones do not count, so their place reopens.
    2. When `trials_per_step` screens are complete, the `beam_width` best of them are the winners
       (of more, those with the lowest numbers compete). A winner whose grow is neither running
       nor complete is grown; a failed grow is thus assigned again. A pruned grow withdraws its
       screen.
    3. Otherwise, that is while screens or the winners' grows are still running elsewhere, the
       best complete screen of the step that nobody grows is grown: the likely winner, or a spare
       that may enter the front.
    4. With nothing left to grow: an extra screen of the same step.

    A step ends as soon as all its winners are grown. The next step's parents are then the
    `beam_width` best networks grown in it, spares included; trials of an older step that finish
    later only add to the front. In the last step nobody starts spares or extra screens once all
    winners are being grown. One worker alone makes exactly `trials_per_step` screens and
    `beam_width` grows a step, and always the same ones.

    "Best" is the winner rule against the networks grown in earlier steps; ties are broken by the
    lower validation loss, then the lower number. Screens that were stopped early are no
    candidates while there is another one, so fewer than `beam_width` may win.

    Args:
        beam_width: Networks that survive a step.
        steps: Steps of the study; None is unlimited.
        trials_per_step: Screens of a step, over all its parents.
        winner: Name of a rule in `winners.WINNER_RULES`, or the user's `module:function`.
        give_up_after: Pruned screens in a row after which a step is content with those that it
            has, as at once when no parent has room; if it has none, the study ends.

    Raises:
        ConfigurationError: If a setting is out of range or the winner rule is unknown.
    """

    beam_width: int = 3
    steps: int | None = None
    trials_per_step: int = 12
    winner: str = "hypervolume"
    give_up_after: int = 500

    def __post_init__(self) -> None:
        WINNER_RULES.find(self.winner)
        for name in ("beam_width", "steps", "trials_per_step", "give_up_after"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"policy: {name}: {value} is not at least 1.")
        if self.beam_width > self.trials_per_step:
            raise ConfigurationError(
                f"policy: beam_width: {self.beam_width} is more than the {self.trials_per_step} "
                "trials_per_step that it chooses from."
            )

    def assign(self, history: History, reference: Reference) -> Assignment | None:
        """The next trial's assignment, by the rules above."""
        step = self._step(history, reference)
        if self.steps is not None and step > self.steps:
            return None
        if len(active_trials(history, "screen", step)) < self._wanted(history, reference, step):
            return self.screen(history, reference)
        taken = {grow.screened for grow in assignments_of(active_trials(history, "grow", step))}
        winners = self.winners(history, reference, step)
        ungrown = [winner for winner in winners if winner.number not in taken]
        if winners and not ungrown and step == self.steps:
            return None
        spares = self._ranked(screened_trials(history, step), history, reference, step)
        ungrown += [spare for spare in spares if spare.number not in taken]
        if ungrown:
            (screen,) = assignments_of(ungrown[:1])
            return Assignment("grow", screen.step, screen.parent, screened=ungrown[0].number)
        return None if self._gave_up(history, reference, step) else self.screen(history, reference)

    def screen(self, history: History, reference: Reference) -> Assignment:
        """A screen of the current step: of the parent that has the fewest."""
        step = self._step(history, reference)
        if self.steps is not None:
            step = min(step, self.steps)
        return Assignment("screen", step, self._parent(history, reference, step))

    def winners(self, history: History, reference: Reference, step: int) -> list[TrialRecord]:
        """The screens that must be grown before the step ends; none until it has its screens."""
        wanted = self._wanted(history, reference, step)
        screens = screened_trials(history, step)
        if len(screens) < wanted:
            return []
        return self._ranked(screens[:wanted], history, reference, step)[: self.beam_width]

    def _step(self, history: History, reference: Reference) -> int:
        """The newest step that a trial was assigned to, or the next one if its winners are grown.

        Past the last step, the number is one more than `steps`.
        """
        step = max((assignment.step for assignment in assignments_of(history)), default=1)
        grown = {grow.screened for grow in assignments_of(grown_trials(history, step))}
        winners = self.winners(history, reference, step)
        is_over = bool(winners) and all(winner.number in grown for winner in winners)
        return step + 1 if is_over else step

    def _parent(self, history: History, reference: Reference, step: int) -> int | None:
        """The parent with the fewest screens."""
        parents = self._parents(history, reference, step)
        active = active_trials(history, "screen", step)
        screens = Counter(screen.parent for screen in assignments_of(active))
        return min(with_room(parents, history) or parents, key=lambda parent: screens[parent])

    def _parents(self, history: History, reference: Reference, step: int) -> list[int | None]:
        """The parents of a step. Those already used stay: storage decides them."""
        if step == 1:
            return [None]
        of_step = [assignment for assignment in assignments_of(history) if assignment.step == step]
        used = [assignment.parent for assignment in of_step]
        best = self._ranked(grown_trials(history, step - 1), history, reference, step - 1)
        return list(dict.fromkeys([*used, *(trial.number for trial in best)]))[: self.beam_width]

    def _wanted(self, history: History, reference: Reference, step: int) -> int:
        """The screens that the step needs: `trials_per_step`, or those it has if it gave up."""
        if self._gave_up(history, reference, step):
            return min(self.trials_per_step, len(active_trials(history, "screen", step)))
        return self.trials_per_step

    def _gave_up(self, history: History, reference: Reference, step: int) -> bool:
        """Whether no parent has room, or the newest `give_up_after` screens were all pruned."""
        if not with_room(self._parents(history, reference, step), history):
            return True
        last = max((screen.number for screen in screened_trials(history, step)), default=-1)
        pruned = trials_of(history, "screen", step, ("pruned",))
        return sum(screen.number > last for screen in pruned) >= self.give_up_after

    def _ranked(
        self,
        candidates: Sequence[TrialRecord],
        history: History,
        reference: Reference,
        step: int,
    ) -> list[TrialRecord]:
        """Trials of one step, best first; the stopped ones only if all of them were."""
        candidates = [trial for trial in candidates if not trial.stopped] or candidates
        if not candidates:
            return []
        grown = grown_points(history, reference, step)
        compared = [*grown.values(), *(trial.point for trial in candidates)]
        corner = worst_corner(compared, reference.teacher_cost)
        gain_of = WINNER_RULES.find(self.winner)

        def rank(candidate: TrialRecord) -> tuple[float, float, int]:
            parent = candidate.assignment.parent if candidate.assignment else None
            theirs = grown.get(parent, Point(0.0, 0.0))
            comparison = Comparison(theirs, list(grown.values()), corner)
            loss = inf if candidate.validation_loss is None else candidate.validation_loss
            return -gain_of(candidate.point, comparison), loss, candidate.number

        return sorted(candidates, key=rank)


@dataclass(frozen=True, kw_only=True)
class Greedy(Beam):
    """The paper's policy (arXiv 2011.02390): the best of a step is the only parent of the next.

    A `Beam` of width 1, with the same rules and without a barrier.
    """

    beam_width: int = field(default=1, init=False)


@dataclass(frozen=True, kw_only=True)
class Pareto(Greedy):
    """Every screen draws its parent from the front of the networks grown so far, seed included.

    A network is drawn with the weight of its hypervolume contribution, by a generator that is
    seeded by (`seed`, number of trials that did not fail). A step is a round: after
    `trials_per_step` screens, whatever their parents, the best of them is grown, and the next
    round draws from the new front. Who works while others are running follows `Beam`'s rules.

    Args:
        seed: Seed of the draws.
    """

    seed: int = 0

    def _parent(self, history: History, reference: Reference, step: int) -> int | None:
        grown = grown_points(history, reference, step=None)
        if not grown:
            return None
        parents = self._parents(history, reference, step)
        parents = with_room(parents, history) or parents
        best = [grown[parent] for parent in parents]
        weights = contributions(best, worst_corner(best, reference.teacher_cost))
        # Trials of dead workers are made again: they must not shift the draws behind them.
        draw = Random(f"{self.seed}:{sum(trial.state != 'failed' for trial in history)}")
        return draw.choices(parents, weights if any(weights) else None)[0]

    def _parents(self, history: History, reference: Reference, step: int) -> list[int | None]:
        """The front, whatever the step."""
        grown = grown_points(history, reference, step=None)
        parents = {point: parent for parent, point in grown.items()}
        return [parents[point] for point in front(list(parents))] or [None]


POLICIES: Table[Callable[..., Policy]] = Table(
    "search.policy",
    {"greedy": Greedy, "beam": Beam, "pareto": Pareto},
    "a class whose objects have `assign` and `screen`, as plantnas.trials.policies.Policy",
)
"""The policies by the name that a study file gives them."""


def policy_from_name(name: str, **settings: Any) -> Policy:
    """The policy of a study file.

    Args:
        name: One of `POLICIES`, or the user's `module:Class`.
        settings: The policy's own keyword arguments.

    Raises:
        ConfigurationError: If the name, a setting's name or its value is not allowed.
    """
    make = POLICIES.find(name)
    declared = settings_of(name)
    for setting in settings:
        if setting not in declared:
            hint = did_you_mean(setting, declared)
            raise ConfigurationError(f"policy {name}: unknown setting '{setting}'. {hint}")
    try:
        policy = make(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{POLICIES.key}: {name!r}: {first_line(error)}.") from error
    if not isinstance(policy, Policy):
        raise ConfigurationError(f"{POLICIES.key}: {name!r} is not {POLICIES.contract}.")
    return policy


def settings_of(name: str) -> list[str]:
    """The names of the settings that a policy declares, as its constructor's parameters.

    Raises:
        ConfigurationError: There is no policy of that name.
    """
    return list(signature(POLICIES.find(name)).parameters)
