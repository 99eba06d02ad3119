"""Opens the Optuna study of a configuration, and says how far it has come.

What its trials do is in searching/objective.py, who runs them in workers/run.py.
"""

from typing import Literal

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from plantnas.config import Search, StudyConfig
from plantnas.given import check_given, check_place
from plantnas.measured import ACCURACY, Metric
from plantnas.named_keys import code_names, find_names
from plantnas.records.optuna_studies import check_new_study, check_study
from plantnas.records.optuna_tables import (
    DIRECTION_WORDS,
    DIVERGED,
    METRIC_NAMES,
    REASON_KEY,
    name_values,
)
from plantnas.records.recorded_config import as_recorded_at
from plantnas.trials.assignments import record_of, reference_of
from plantnas.trials.base_samplers import make_sampler
from plantnas.trials.history import diverging
from plantnas.trials.policies import Policy, next_assignment, policy_from_name, settings_of
from plantnas.trials.sampler import PlantingSampler
from plantnas.trials.storage import open_storage, storage_to_read
from plantnas.trust import trust_if_new


def open_study(config: StudyConfig, url: str) -> optuna.Study:
    """The study of a configuration with its sampler, created if it does not exist.

    What the configuration of one that exists leaves out is as it was recorded.

    Raises:
        ConfigurationError: A name of the configuration stands for nothing, or the sampler or the
            policy refuses its settings.
        StorageError: The database cannot be opened.
    """
    check_given("config", config, StudyConfig, "a StudyConfig, as plantnas.load_study gives it,")
    check_place(url, config.name)
    trust_if_new(code_names(config))
    config = as_recorded_at(config, url)
    find_names(config)
    sampler = make_sampler(config.search.sampler, config.random_seed)
    planting = PlantingSampler(sampler, make_policy(config.search))
    metric = Metric(config.search.metric or ACCURACY.name)
    return create_study(config.name, url, planting, config.search.cost, metric)


def create_study(
    name: str,
    url: str,
    sampler: BaseSampler,
    cost_name: str = METRIC_NAMES[1],
    metric: Metric = ACCURACY,
) -> optuna.Study:
    """The study of that name, of a metric and a cost, created if it does not exist.

    Raises:
        StudyError: Optuna has another study of that name.
        StorageError: The database cannot be opened, or is another application's.
    """
    check_new_study(name, url)
    study = optuna.create_study(
        storage=open_storage(url),
        sampler=sampler,
        study_name=name,
        directions=DIRECTION_WORDS,
        load_if_exists=True,
    )
    name_values(study, cost_name, metric)
    return study


def existing_study(name: str, url: str) -> optuna.Study:
    """A study that exists, to be changed; none is created.

    Raises:
        StudyError: There is no study of that name.
        StorageError: The database cannot be opened.
    """
    check_study(name, url)
    return optuna.load_study(study_name=name, storage=open_storage(url))


def study_to_read(name: str, url: str) -> optuna.Study:
    """A study that exists, to look at: nothing can be written by it.

    Raises:
        StudyError: There is no study of that name.
        StorageError: The database cannot be opened.
    """
    check_study(name, url)
    return optuna.load_study(study_name=name, storage=storage_to_read(url))


def make_policy(search: Search) -> Policy:
    """The policy of a search, with those of the search's settings that it declares.

    Raises:
        ConfigurationError: It is unknown, or refuses its settings.
    """
    declared = settings_of(search.policy)
    settings = {name: value for name, value in search if name in declared}
    return policy_from_name(search.policy, **settings)


def is_complete(study: optuna.Study, search: Search) -> bool:
    """Whether there is nothing left to start, and nothing that runs."""
    return outlook(study, search) == "complete"


def outlook(study: optuna.Study, search: Search) -> Literal["start", "wait", "complete"]:
    """Whether a trial can be started, or those that run may leave something to start, or neither.

    Trials are read once.
    """
    trials = study.get_trials(deepcopy=False)
    states = {trial.state for trial in trials}
    if TrialState.WAITING in states:
        return "start"
    history = [record_of(trial) for trial in trials]
    if next_assignment(make_policy(search), history, reference_of(study)) is not None:
        return "start"
    return "wait" if TrialState.RUNNING in states else "complete"


def why_diverged(study: optuna.Study) -> str | None:
    """Why a study ended whose trainings diverge, and what to change; None where they don't."""
    trials = study.get_trials(deepcopy=False)
    diverged = diverging([record_of(trial) for trial in trials])
    if not diverged:
        return None
    last = diverged[-1]
    assert last.assignment is not None
    reason = str(trials[last.number].user_attrs[REASON_KEY]).removeprefix(DIVERGED)
    part = "teacher" if last.assignment.kind == "probe" else "planting"
    return (
        f"Study {study.study_name!r} ended in step {last.assignment.step}: all {len(diverged)} of "
        f"its trials of the kind {last.assignment.kind!r} diverged (trial {last.number}: "
        f"{reason.rstrip('.')}). Lower {part}.learning_rate, in a study of another name."
    )
