"""Plain search has as many seconds as it is given, and a user takes the best of its networks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import optuna
import pytest
import torch
from optuna.trial import TrialState

from plantnas.baselines.methods.searching import SEARCH, best_of_size, is_searched, picked, search
from plantnas.baselines.sizes import SizeNotReachable
from plantnas.config import Sampler
from plantnas.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.records.record import NetworkRecord
    from tests.baselines.conftest import MadeUp, Opened, OpenStudy
    from tests.conftest import StudyFolder

SECONDS = 0.4
EPOCHS = 3


def run(opened: Opened, seconds: float) -> None:
    search(opened.prepared, opened.folder.url, opened.targets, EPOCHS, seconds)


def trials_of(opened: Opened) -> list[NetworkRecord]:
    return [each for each in opened.networks if each.method == SEARCH]


def epoch_seconds(trials: list[NetworkRecord]) -> list[float]:
    return [epoch.seconds for trial in trials for epoch in trial.epochs]


@pytest.fixture
def copied(quick: StudyFolder, open_study: OpenStudy, tmp_path: Path) -> Opened:
    return open_study(quick.copy(tmp_path / "study"))


class Searched(NamedTuple):
    """A study whose search has ended, and the seconds that it had."""

    opened: Opened
    seconds: float


@pytest.fixture(scope="module")
def search_of_some_trials(
    quick: StudyFolder, open_study: OpenStudy, tmp_path_factory: pytest.TempPathFactory
) -> Searched:
    """With seconds for three trials at least, however busy the processor; not to be changed."""
    seconds = SECONDS
    while True:
        opened = open_study(quick.copy(tmp_path_factory.mktemp("searched") / "study"))
        run(opened, seconds)
        if len(trials_of(opened)) >= 3:
            return Searched(opened, seconds)
        seconds *= 2


@pytest.fixture(scope="module")
def searched(search_of_some_trials: Searched) -> Opened:
    return search_of_some_trials.opened


def test_a_search_takes_at_most_an_epoch_more_than_its_seconds(
    search_of_some_trials: Searched,
) -> None:
    seconds = epoch_seconds(trials_of(search_of_some_trials.opened))
    assert sum(seconds) <= search_of_some_trials.seconds + max(seconds)


def test_a_search_ends_when_not_one_more_epoch_fits(search_of_some_trials: Searched) -> None:
    seconds = epoch_seconds(trials_of(search_of_some_trials.opened))
    assert sum(seconds) + seconds[-1] > search_of_some_trials.seconds


def test_all_trials_but_the_last_have_all_epochs(searched: Opened) -> None:
    epochs = [len(trial.epochs) for trial in trials_of(searched)]
    assert set(epochs[:-1]) == {EPOCHS}
    assert 1 <= epochs[-1] <= EPOCHS


def test_trials_are_recorded_as_trials_and_not_as_baselines(searched: Opened) -> None:
    trials = trials_of(searched)
    assert {(each.kind, each.baseline, each.trial_number) for each in trials} == {
        ("trial", None, None)
    }


def test_the_database_holds_what_the_sampler_was_told(searched: Opened) -> None:
    study = optuna.load_study(study_name="tiny.search-kd", storage=searched.folder.url)
    told = [trial.values for trial in study.get_trials(states=(TrialState.COMPLETE,))]
    assert told == [[each.evaluations[0].accuracy, each.parameters] for each in trials_of(searched)]


def test_widths_are_between_the_seeds_and_the_teachers(searched: Opened) -> None:
    seed, teacher = searched.prepared.seed.widths, searched.prepared.teacher.widths
    for trial in trials_of(searched):
        assert all(seed[name] <= trial.widths[name] <= teacher[name] for name in teacher)


def test_sizes_are_like_those_of_the_targets(searched: Opened) -> None:
    smallest, largest = (target.parameters for target in searched.targets)
    sizes = sorted(trial.parameters for trial in trials_of(searched))
    assert 0.6 * smallest < sizes[0] <= sizes[-1] <= 1.03 * largest


def test_a_trials_network_starts_from_fresh_weights(searched: Opened) -> None:
    seed = searched.weights_of(searched.prepared.seed)["features.0.weight"]
    found = searched.weights_of(trials_of(searched)[0])["features.0.weight"]
    assert not torch.equal(found[: len(seed)], seed)


def test_a_search_is_over_when_its_seconds_are_spent(quick: StudyFolder, searched: Opened) -> None:
    assert not is_searched("tiny", quick.url)
    assert is_searched("tiny", searched.folder.url)


def test_to_ask_whether_a_search_is_over_begins_none(copied: Opened) -> None:
    is_searched("tiny", copied.folder.url)
    assert optuna.get_all_study_names(copied.folder.url) == ["tiny"]


def test_the_planting_study_gets_no_trials_of_the_search(
    quick: StudyFolder, searched: Opened
) -> None:
    counts = [len(folder.open().trials) for folder in (quick, searched.folder)]
    assert counts[0] == counts[1]


class Continued(NamedTuple):
    """The trials of a search when it was stopped, after its first epoch, and when it had gone on.

    It went on for so many seconds, with those that were spent before.
    """

    before: list[NetworkRecord]
    after: list[NetworkRecord]
    seconds: float


@pytest.fixture(scope="module")
def continued(
    quick: StudyFolder, open_study: OpenStudy, tmp_path_factory: pytest.TempPathFactory
) -> Continued:
    opened = open_study(quick.copy(tmp_path_factory.mktemp("continued") / "study"))
    run(opened, 1e-6)
    before = trials_of(opened)
    seconds = sum(epoch_seconds(before)) + SECONDS
    run(opened, seconds)
    return Continued(before, trials_of(opened), seconds)


def test_a_search_that_goes_on_counts_what_was_spent_before(continued: Continued) -> None:
    before, after, seconds = continued
    assert (len(before), after[:1]) == (1, before)
    assert len(after) > 1
    assert sum(epoch_seconds(after)) <= seconds + max(epoch_seconds(after))


def test_a_search_that_goes_on_does_not_repeat_its_trials(continued: Continued) -> None:
    before, after, _ = continued
    assert after[1].widths != before[0].widths


def test_a_search_without_seconds_trains_nothing(copied: Opened) -> None:
    run(copied, 0.0)
    assert trials_of(copied) == []
    assert is_searched("tiny", copied.folder.url)


def test_a_trial_that_diverges_costs_its_seconds_and_the_search_goes_on(copied: Opened) -> None:
    config = copied.prepared.config
    seed = config.seed.model_copy(update={"learning_rate": 1e30})
    diverging = replace(copied.prepared, config=config.model_copy(update={"seed": seed}))
    search(diverging, copied.folder.url, copied.targets, EPOCHS, 0.1)
    assert trials_of(copied) == []
    assert is_searched("tiny", copied.folder.url)
    study = optuna.load_study(study_name="tiny.search-kd", storage=copied.folder.url)
    assert {trial.state for trial in study.trials} == {TrialState.PRUNED}


def test_a_sampler_of_one_objective_is_refused_before_anything_is_searched(copied: Opened) -> None:
    config = copied.prepared.config
    settings = config.search.model_copy(
        update={"sampler": Sampler(name="CmaEsSampler", arguments={})}
    )
    other = replace(copied.prepared, config=config.model_copy(update={"search": settings}))
    with pytest.raises(ConfigurationError, match="'CmaEsSampler' searches for one objective"):
        search(other, copied.folder.url, copied.targets, EPOCHS, SECONDS)
    assert not is_searched("tiny", copied.folder.url)


@pytest.fixture
def trials(made_up: MadeUp) -> list[NetworkRecord]:
    return [
        made_up(1, SEARCH, kind="trial", parameters=800, accuracy=0.7, epochs=3),
        made_up(2, SEARCH, kind="trial", parameters=1030, accuracy=0.8, epochs=3),
        made_up(3, SEARCH, kind="trial", parameters=1031, accuracy=0.9, epochs=3),
        made_up(4, SEARCH, kind="trial", parameters=900, accuracy=0.8, loss=0.5, epochs=2),
    ]


def test_the_best_that_is_small_enough_is_taken(trials: list[NetworkRecord]) -> None:
    assert best_of_size(trials, 5000).id == 3
    assert best_of_size(trials, 850).id == 1
    assert best_of_size(trials[:2], 1000).id == 2, "three per cent more are small enough"


def test_of_equals_the_one_of_lower_loss_is_taken(trials: list[NetworkRecord]) -> None:
    assert best_of_size(trials, 1000).id == 4


def test_where_all_are_too_large_none_is_taken(trials: list[NetworkRecord]) -> None:
    with pytest.raises(SizeNotReachable, match="at most 700 parameters"):
        best_of_size(trials, 700)


def test_what_is_picked_is_recorded_for_its_target(
    trials: list[NetworkRecord], made_up: MadeUp
) -> None:
    target = replace(made_up(9, "planting", kind="grow", parameters=1000), step=2)
    record = picked(trials, target, 0.02)
    assert record.baseline is not None
    assert (record.kind, record.step, record.id) == ("baseline", 2, None)
    assert (record.baseline.target_id, record.baseline.budget_epochs) == (9, 2)
    assert record.parameters == 900
