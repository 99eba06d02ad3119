"""The rules that say what the next trial does: try a planting of which parent, or grow which.

Pure functions of the trials so far: no Optuna here, no storage, no state between two calls. What
they see of a trial is in `history`, how an assignment is stored in one in `assignments`, who asks
and when in `sampler`, how two networks of different size compare in `winners`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from random import Random
from typing import Any, NamedTuple, Protocol, runtime_checkable

from plantnas.errors import ConfigurationError, did_you_mean, first_line
from plantnas.hypervolume import contributions, front, worst_corner
from plantnas.named import Table
from plantnas.trials.history import (
    Assignment,
    History,
    Reference,
    TrialRecord,
    active_trials,
    assignments_of,
    diverging,
    grown_points,
    grown_trials,
    is_given_up,
    repeated_trials,
    screened_trials,
    screens_of,
    with_room,
)
from plantnas.trials.ranking import ranked
from plantnas.trials.winners import WINNER_RULES


@runtime_checkable
class Policy(Protocol):
    """What `PlantingSampler` asks. Both must follow from the arguments alone."""

    def assign(self, history: History, reference: Reference) -> Assignment | None:
        """The next trial's assignment; None if there is nothing left to start."""

    def screen(self, history: History, reference: Reference) -> Assignment:
        """The assignment of a trial whose planting the user has chosen."""


def next_assignment(policy: Policy, history: History, reference: Reference) -> Assignment | None:
    """What a policy assigns; nothing any more in a study all of whose trainings diverge."""
    return None if diverging(history) else policy.assign(history, reference)


@dataclass(frozen=True, kw_only=True)
class Beam:
    """Grow the `beam_width` best screens of each step; they are the parents of the next step.

    A planting is proposed by a screen; where a step has probes, by these, and a screen repeats the
    planting of a probe, as a grow always repeats that of a screen. A trial is free if no running or
    complete one repeats it. No worker ever waits for another:

    1. While fewer than `probes` probes of the step are running or complete: probe. Its parents with
       room to grow share the proposals evenly.
    2. While fewer than `trials_per_step` screens of the step are running or complete: screen the
       best complete free probe, which is the likely winner if some are still running elsewhere;
       without one propose a planting, as a probe where the step has them, else as a screen.
    3. When `trials_per_step` screens are complete, the `beam_width` best of them are the winners
       (of more, those with the lowest numbers compete). A free winner is grown.
    4. Otherwise, that is while screens or the winners' grows are still running elsewhere, the
       best complete free screen of the step is grown: the likely winner, or a spare that may enter
       the front.
    5. With nothing left to grow: an extra screen or proposal of the same step, as in 2.

    With `ahead`, a step's probes come before its parents are grown, so that the likely widths of
    the next size are known while one is trained: before a winner is grown, in 3, the next step's
    probes are made of the winners' widths, and the best one of the winner's is the `ahead` of its
    assignment.
    A likely winner counts as one. A parent that was grown without them, as a spare is, is probed
    as in 1. A probe's parent is then the screen that its parent repeats.

    Pruned trials (a duplicate, nothing planted, infeasible, diverged) and failed ones do not count,
    so their place reopens: a failed screen or grow is thus assigned again. A pruned one withdraws
    the trial that it repeated, which is then not there for any of the rules.

    A step ends as soon as all its winners are grown. The next step's parents are then the
    `beam_width` best networks grown in it, spares included; trials of an older step that finish
    later only add to the front. In the last step nobody starts spares or extras once all winners
    are being grown. One worker alone makes exactly `probes` probes, `trials_per_step` screens and
    `beam_width` grows a step, and always the same ones.

    "Best" is the winner rule against the networks grown in earlier steps; ties are broken by the
    lower validation loss, then the lower number. Screens that were stopped early are no
    candidates while there is another one, so fewer than `beam_width` may win. Probes have minus
    their loss for an accuracy, so they are compared among themselves alone, and to a parent that
    is a little worse than all of them.

    Args:
        beam_width: Networks that survive a step.
        steps: Steps of the study; None is unlimited.
        probes: Probes of a step, over all its parents; 0 for none.
        trials_per_step: Screens of a step, over all its parents.
        ahead: Weight of the loss of the network that is trained along; 0 looks ahead nowhere, as
            without probes and in the last step.
        winner: Name of a rule in `winners.WINNER_RULES`, or the user's `module:function`.
        give_up_after: Pruned proposals in a row, or screens of probes, after which a step is
            content with those that it has, as at once when no parent has room; if it has none, the
            study ends. Of trials that diverged `history.MOST_DIVERGED` are enough.

    Raises:
        ConfigurationError: If a setting is out of range or the winner rule is unknown.
    """

    beam_width: int = 3
    steps: int | None = None
    probes: int = 0
    trials_per_step: int = 12
    ahead: float = 0.0
    winner: str = "hypervolume"
    give_up_after: int = 500

    def __post_init__(self) -> None:
        WINNER_RULES.find(self.winner)
        for name in ("beam_width", "steps", "trials_per_step", "give_up_after"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"policy: {name}: {value} is not at least 1.")
        if 0 != self.probes < self.trials_per_step:
            raise ConfigurationError(
                f"policy: trials_per_step: {self.trials_per_step} is more than the {self.probes} "
                "probes that they are chosen from."
            )
        if self.ahead < 0:
            raise ConfigurationError(f"policy: ahead: {self.ahead} is not at least 0.")
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
        wanted = self._wanted(history, reference, step)
        if wanted.probes and len(self._probes(history, reference, step)) < wanted.probes:
            return self._proposal(history, reference, step)
        if len(active_trials(history, "screen", step)) < wanted.screens:
            return self._next_screen(history, reference, step)
        winners = self.winners(history, reference, step)
        ungrown = _free(winners, history)
        if winners and not ungrown and step == self.steps:
            return None
        screens = screened_trials(history, step)
        ungrown += _free(ranked(screens, history, reference, self.winner), history)
        if not ungrown:
            return self._next_screen(history, reference, step)
        if self.ahead and self.probes and step != self.steps:
            winners = winners or ungrown[:1]  # the likely one
            return self._looking_ahead(history, reference, ungrown[0], winners)
        return Assignment("grow", step, ungrown[0].parent, repeats=ungrown[0].number)

    def screen(self, history: History, reference: Reference) -> Assignment:
        """A screen of the current step: of the parent with the fewest proposals."""
        step = self._step(history, reference)
        if self.steps is not None:
            step = min(step, self.steps)
        return Assignment("screen", step, self._parent(history, reference, step))

    def winners(self, history: History, reference: Reference, step: int) -> list[TrialRecord]:
        """The screens that must be grown before the step ends; none until it has its screens."""
        wanted = self._wanted(history, reference, step).screens
        screens = screened_trials(history, step)
        if len(screens) < wanted:
            return []
        return ranked(screens[:wanted], history, reference, self.winner)[: self.beam_width]

    def _step(self, history: History, reference: Reference) -> int:
        """The newest step that a trial was assigned to, or the next one if its winners are grown.

        Past the last step, the number is one more than `steps`.
        """
        begun = [each for each in assignments_of(history) if each.kind != "probe" or not self.ahead]
        step = max((assignment.step for assignment in begun), default=1)
        grown = {grow.repeats for grow in assignments_of(grown_trials(history, step))}
        winners = self.winners(history, reference, step)
        is_over = bool(winners) and all(winner.number in grown for winner in winners)
        return step + 1 if is_over else step

    def _proposal(self, history: History, reference: Reference, step: int) -> Assignment:
        """A trial of a planting that is still to be proposed."""
        if not self.probes:
            return self.screen(history, reference)
        parent = self._parent(history, reference, step)
        if self.ahead:
            (parent,) = screens_of(history, [parent])
        return Assignment("probe", step, parent)

    def _next_screen(self, history: History, reference: Reference, step: int) -> Assignment | None:
        """A screen of the best free probe, else one more proposal, unless the step gave up."""
        if self.probes:
            active = self._probes(history, reference, step)
            probes = [trial for trial in active if trial.state == "complete"]
            best = _free(ranked(probes, history, reference, self.winner), history)
            if best:
                parents, parent = self._parents(history, reference, step), best[0].parent
                if self.ahead:
                    parent = parents[screens_of(history, parents).index(parent)]
                return Assignment("screen", step, parent, repeats=best[0].number)
        if self._gave_up(history, reference, step):
            return None
        return self._proposal(history, reference, step)

    def _looking_ahead(
        self,
        history: History,
        reference: Reference,
        screen: TrialRecord,
        winners: Sequence[TrialRecord],
    ) -> Assignment:
        """A probe of the next step, if it needs more before a screen is grown, or else the grow."""
        assert screen.assignment is not None
        step, parents = screen.assignment.step + 1, [winner.number for winner in winners]
        probes = [
            trial
            for trial in active_trials(history, "probe", step)
            if trial.parent in {*parents, screen.number}
        ]
        open_parents = with_room(parents, history)
        enough = len(probes) >= self.probes or is_given_up(
            history, "probe", step, self.give_up_after
        )
        if screen in winners and open_parents and not enough:
            made = Counter(trial.parent for trial in probes)
            return Assignment("probe", step, min(open_parents, key=lambda parent: made[parent]))
        own = [each for each in probes if each.parent == screen.number and each.state == "complete"]
        best = ranked(own, history, reference, self.winner)
        ahead = best[0].number if best else None
        return Assignment("grow", step - 1, screen.parent, screen.number, ahead)

    def _probes(self, history: History, reference: Reference, step: int) -> list[TrialRecord]:
        """The running and complete probes of a step, of the parents that it has now."""
        probes = active_trials(history, "probe", step)
        if not self.ahead:
            return probes
        parents = screens_of(history, self._parents(history, reference, step))
        return [trial for trial in probes if trial.parent in parents]

    def _parent(self, history: History, reference: Reference, step: int) -> int | None:
        """The parent with the fewest proposals."""
        parents = self._parents(history, reference, step)
        active = [*active_trials(history, "probe", step), *active_trials(history, "screen", step)]
        proposing = [each.parent for each in assignments_of(active) if each.proposes]
        made = Counter(screens_of(history, proposing))
        possible = self._open(parents, history) or parents
        screens = dict(zip(possible, screens_of(history, possible), strict=True))
        return min(possible, key=lambda parent: made[screens[parent]])

    def _parents(self, history: History, reference: Reference, step: int) -> list[int | None]:
        """The parents of a step. Those already used stay: storage decides them."""
        if step == 1:
            return [None]
        of_step = [assignment for assignment in assignments_of(history) if assignment.step == step]
        used = [each.parent for each in of_step if each.kind != "probe" or not self.ahead]
        best = ranked(grown_trials(history, step - 1), history, reference, self.winner)
        return list(dict.fromkeys([*used, *(trial.number for trial in best)]))[: self.beam_width]

    def _wanted(self, history: History, reference: Reference, step: int) -> "_Wanted":
        """The trials that the step needs, or those that it can have if it gave up."""
        if not self._gave_up(history, reference, step):
            return _Wanted(self.probes, self.trials_per_step)
        probes = self._probes(history, reference, step)
        screens = [*active_trials(history, "screen", step), *_free(probes, history)]
        return _Wanted(min(self.probes, len(probes)), min(self.trials_per_step, len(screens)))

    def _gave_up(self, history: History, reference: Reference, step: int) -> bool:
        """Whether no parent has room, or the newest trials were all pruned.

        Of a kind: where all screens diverge, there is always one more good probe.
        """
        if not self._open(self._parents(history, reference, step), history):
            return True
        kinds, most = ("probe", "screen", "grow"), self.give_up_after
        return any(is_given_up(history, kind, step, most) for kind in kinds)

    def _open(self, parents: Sequence[int | None], history: History) -> list[int | None]:
        """The parents that have room to grow, as far as a trial of them has found."""
        both = zip(parents, screens_of(history, parents), strict=True)
        return [parent for parent, screen in both if len(with_room([parent, screen], history)) == 2]


@dataclass(frozen=True, kw_only=True)
class Greedy(Beam):
    """The paper's policy (arXiv 2011.02390): the best of a step is the only parent of the next.

    A `Beam` of width 1, with the same rules and without a barrier.
    """

    beam_width: int = field(default=1, init=False)


@dataclass(frozen=True, kw_only=True)
class Pareto(Greedy):
    """Every proposal draws its parent from the front of the networks grown so far, seed included.

    A network is drawn with the weight of its hypervolume contribution, by a generator that is
    seeded by (`seed`, number of trials that did not fail). A step is a round: after
    `trials_per_step` screens, whatever their parents, the best of them is grown, and the next
    round draws from the new front. Who works while others are running follows `Beam`'s rules.

    Args:
        seed: Seed of the draws.
    """

    # Who is the next round's parent is not known before this round's network is grown.
    ahead: float = field(default=0.0, init=False)
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


class _Wanted(NamedTuple):
    """How many trials a step needs before its winners are chosen."""

    probes: int
    screens: int


def _free(candidates: Sequence[TrialRecord], history: History) -> list[TrialRecord]:
    """Those that no running or complete trial repeats."""
    taken = repeated_trials(history, ("running", "complete"))
    return [candidate for candidate in candidates if candidate.number not in taken]


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
