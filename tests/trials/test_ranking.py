"""Which trials of a step are best."""

import pytest

from plantnas.trials.history import Reference
from plantnas.trials.ranking import ranked
from tests.trials.test_policies import REFERENCE, grow, screen
from tests.trials.test_probes import probe


def test_of_nothing_nothing_is_best() -> None:
    assert ranked([], [], REFERENCE, "hypervolume") == []


def test_screens_are_compared_with_what_was_grown_before() -> None:
    """The smaller one is no better than the grown network, which has fewer parameters."""
    grown = grow(0, 9, accuracy=0.65, parameters=2_000)
    small = screen(1, step=2, parent=0, accuracy=0.65, parameters=2_100)
    large = screen(2, step=2, parent=0, accuracy=0.66, parameters=60_000)
    history = [grown, small, large]
    assert ranked([small, large], history, REFERENCE, "hypervolume") == [large, small]


@pytest.mark.parametrize("seed_accuracy", [None, 0.5])
def test_probes_are_compared_among_themselves(seed_accuracy: float | None) -> None:
    reference = Reference(seed_accuracy, seed_cost=1_000, teacher_cost=100_000)
    worst, small = probe(0, accuracy=-0.9), probe(1, accuracy=-0.5, parameters=2_000)
    large = probe(2, accuracy=-0.4, parameters=4_000)
    probes = [large, worst, small]
    assert ranked(probes, probes, reference, "gain_per_parameter") == [small, large, worst]


def test_a_probe_of_what_is_not_grown_yet_is_compared_to_its_screens_size() -> None:
    base, worst = (
        screen(0, parameters=3_000),
        probe(1, step=2, parent=0, accuracy=-0.9, parameters=9_000),
    )
    small = probe(2, step=2, parent=0, accuracy=-0.5, parameters=3_200)
    large = probe(3, step=2, parent=0, accuracy=-0.1, parameters=6_000)
    history = [base, worst, small, large]
    # For each parameter the large one gains more; for each one more than the screen's, less.
    best, *_ = ranked(history[1:], history, REFERENCE, "gain_per_parameter")
    assert best == small


def test_one_that_was_stopped_is_there_only_if_all_were() -> None:
    whole, stopped = screen(0), screen(1, accuracy=0.9, stopped=True)
    assert ranked([whole, stopped], [], REFERENCE, "best_accuracy") == [whole]
    assert ranked([stopped], [], REFERENCE, "best_accuracy") == [stopped]
