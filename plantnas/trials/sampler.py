"""The sampler of a planting study: a policy says what a trial is for, any sampler proposes.

The rules are in `policies`, what an assignment looks like in a trial in `assignments`, what a
base sampler gets to see in `scope`, where its random numbers come from in `seeding`.
"""

import copy
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler
from optuna.trial import FrozenTrial, TrialState

from plantnas.given import check_given
from plantnas.records.optuna_private import (
    remember_trials,
    remembered_trials,
    storage_of,
    study_id_of,
    trial_id_of,
)
from plantnas.records.optuna_tables import FIXED_PARAMS_KEY
from plantnas.trials.assignments import (
    assignment_of,
    is_assigned,
    record_of,
    reference_of,
    write_assignment,
)
from plantnas.trials.clock import is_of_many
from plantnas.trials.owners import sign
from plantnas.trials.policies import Policy, next_assignment, policy_from_name
from plantnas.trials.scope import Scope, ScopedStudy, is_planting_study, scope_of
from plantnas.trials.seeding import seed_for_trial, seed_of

__all__ = ["PlantingSampler", "assignment_of"]

POLL_SECONDS = 0.01
"""How often a trial looks whether the trials before it have their assignments."""

PATIENCE_SECONDS = 5.0
"""A running trial without an assignment after this time is its dead worker's; nobody waits."""


SINGLE_OBJECTIVE_SAMPLERS = (CmaEsSampler,)
"""Optuna's samplers that refuse a study with two objectives."""


class PlantingSampler(BaseSampler):
    """Wraps any Optuna sampler for the search of plantings.

    Before a trial begins, the policy decides from the stored trials what it is for, and the
    decision is written to the trial: read it with `assignment_of(trial)`, or from the user
    attributes `kind`, `step` and `parent`. For a probe, or a screen where there are no probes, the
    base sampler proposes the planting and sees the trials of the same kind and parent alone. A
    screen of a probe and a grow repeat the parameters of the trial that they follow. A trial that
    the user enqueued keeps its parameters and is a screen of the current parent; a trial that is
    retried after a worker died keeps its assignment.

    All that workers must agree on is in the storage. Trial numbers are tickets: a trial decides
    when every running trial with a lower number has decided, so that no two workers take the
    same place.

    When the policy has nothing left to start, `assignment_of(trial)` is None and the objective
    must raise `optuna.TrialPruned`; `study.optimize` stops after that trial. Optuna gives a
    sampler no way to refuse a trial, so each worker leaves one such pruned trial.

    A study with other objectives than (accuracy: maximize, cost: minimize) has no plantings: the
    base sampler sees all its trials, and nothing is written to them.

    A base sampler for one objective, as `CmaEsSampler` is, sees the validation accuracy alone.

    A base sampler with a seed draws from (seed, number of trials before that did not fail) in
    every trial. One worker's study can thus be repeated, also when it is killed in a trial and
    resumed, and workers with equal seeds don't propose the same.

    Args:
        base_sampler: Proposes plantings; copied for each parent.
        policy: "greedy", "beam", "pareto", or a policy object.

    Raises:
        ConfigurationError: If there is no policy of that name.
    """

    def __init__(self, base_sampler: BaseSampler, policy: str | Policy = "greedy") -> None:
        check_given("base_sampler", base_sampler, BaseSampler, "a sampler, as optuna.samplers has,")
        check_given("policy", policy, (str, Policy), "a policy's name, or a policy")
        self._base_sampler = base_sampler
        self._policy = policy_from_name(policy) if isinstance(policy, str) else policy
        self._base_seed = seed_of(base_sampler)
        self._samplers: dict[Scope, BaseSampler] = {}
        # Of the trials that this process runs: a trial's attributes are a query, this is not.
        self._scopes: dict[int, Scope] = {}
        # The trials that were waited for in vain, by Optuna's id: whoever began them has died.
        self._given_up: set[int] = set()

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Assign the trial, unless it came with an assignment, and prepare its base sampler."""
        if is_planting_study(study):
            sign(study, trial)  # before it takes a place that others leave to it
            if not is_assigned(trial):
                self._assign(study, trial)
        assignment = assignment_of(trial)
        if assignment is None:
            # Raises outside of `study.optimize`, where the asking code ends its own loop.
            with suppress(RuntimeError):
                study.stop()
            return
        self._scopes[trial_id_of(trial)] = scope_of(assignment)
        # Forget the copies whose parents no trial of this process has. They are read before the
        # trials: another thread registers its trial before it makes the copy.
        copied = set(self._samplers)
        for scope in copied - set(self._scopes.values()):
            self._samplers.pop(scope, None)
        if assignment.proposes:
            sampler, scoped_study = self._scoped(study, trial)
            if self._base_seed is not None:
                # Without the failed ones before it: work that is done again draws the same.
                failed = remembered_trials(study, (TrialState.FAIL,))
                place = trial.number - sum(other.number < trial.number for other in failed)
                seed_for_trial(sampler, self._base_seed, place)
            sampler.before_trial(scoped_study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The base sampler's, of the trials of the same parent."""
        sampler, scoped_study = self._scoped(study, trial)
        return sampler.infer_relative_search_space(scoped_study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The base sampler's, from the trials of the same parent."""
        sampler, scoped_study = self._scoped(study, trial)
        return sampler.sample_relative(scoped_study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The base sampler's, from the trials of the same parent."""
        sampler, scoped_study = self._scoped(study, trial)
        return sampler.sample_independent(scoped_study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Tell the base sampler of what it proposed."""
        assignment = assignment_of(trial)
        if assignment is not None and assignment.proposes:
            remember_trials(study, None)  # of when the trial began
            sampler, scoped_study = self._scoped(study, trial)
            seen = None if values is None else values[: len(scoped_study.directions)]
            sampler.after_trial(scoped_study, trial, state, seen)
        self._scopes.pop(trial_id_of(trial), None)

    def reseed_rng(self) -> None:
        """Reseed all base samplers; those with a seed are seeded again by the next trial."""
        for sampler in [self._base_sampler, *self._samplers.values()]:
            sampler.reseed_rng()

    def _assign(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Let the policy decide what the trial is for, and store it."""
        history = {other.number: record_of(other) for other in self._decided_trials(study, trial)}
        records, reference = list(history.values()), reference_of(study)
        if FIXED_PARAMS_KEY in trial.system_attrs:
            write_assignment(study, trial, self._policy.screen(records, reference))
            return
        assignment = next_assignment(self._policy, records, reference)
        repeated = None if assignment is None else assignment.repeats
        params = None if repeated is None else history[repeated].params
        write_assignment(study, trial, assignment, params)

    def _decided_trials(self, study: optuna.Study, trial: FrozenTrial) -> list[FrozenTrial]:
        """The study's other trials, once those with lower numbers have their assignments.

        Optuna keeps them, with this one, for those who read trials while this one begins: to read
        all running trials again takes as long as all else that a sampler does.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            trials = storage_of(study).get_all_trials(study_id_of(study), deepcopy=False)
            others = [other for other in trials if other.number != trial.number]
            earlier = [other for other in others if other.number < trial.number]
            deciding = _deciding(study, earlier) - self._given_up
            if not deciding or time.monotonic() > deadline:
                self._given_up |= deciding
                # Of this trial what its process knows, not what was read before that.
                everyone = [*others, trial]
                remember_trials(study, sorted(everyone, key=lambda one: one.number))
                return others
            time.sleep(POLL_SECONDS)

    def _scoped(self, study: optuna.Study, trial: FrozenTrial) -> tuple[BaseSampler, ScopedStudy]:
        """The base sampler of the trial's parent, and the study as it may see it."""
        trial_id, scope = trial_id_of(trial), Scope()
        if trial_id in self._scopes:
            scope = self._scopes[trial_id]
        elif (assignment := assignment_of(trial)) is not None:
            scope = scope_of(assignment)
        sampler = self._samplers.get(scope)
        if sampler is None:
            sampler = self._samplers[scope] = copy.deepcopy(self._base_sampler)
        one = is_planting_study(study) and isinstance(sampler, SINGLE_OBJECTIVE_SAMPLERS)
        return sampler, ScopedStudy(study, scope, objectives=1 if one else None)


def _deciding(study: optuna.Study, trials: Sequence[FrozenTrial]) -> set[int]:
    """The trials that a live worker may be about to assign, by Optuna's id.

    When one began says nothing where workers have clocks of their own.
    """
    undecided = [
        trial for trial in trials if trial.state == TrialState.RUNNING and not is_assigned(trial)
    ]
    if not is_of_many(study):
        oldest = datetime.now() - timedelta(seconds=PATIENCE_SECONDS)
        undecided = [each for each in undecided if (each.datetime_start or oldest) > oldest]
    return {trial_id_of(trial) for trial in undecided}
