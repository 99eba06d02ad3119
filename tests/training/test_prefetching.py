"""Things that a thread makes before they are asked for."""

import threading

import pytest

from plantnas.training.prefetching import AHEAD, prefetched


def test_what_is_made_comes_in_the_order_of_the_items() -> None:
    assert list(prefetched(lambda number: number * 2, range(9))) == [*range(0, 18, 2)]


def test_the_next_things_are_made_while_one_is_used() -> None:
    made = [threading.Event() for _ in range(9)]
    first = prefetched(lambda number: made[number].set(), range(9))
    next(first)
    assert all(event.wait(10) for event in made[: AHEAD + 1])
    assert not made[AHEAD + 1].is_set()
    first.close()  # type: ignore[attr-defined]


def test_what_is_raised_is_raised_in_its_turn() -> None:
    things = prefetched(lambda number: 1 / number, [2, 1, 0])
    assert (next(things), next(things)) == (0.5, 1.0)
    with pytest.raises(ZeroDivisionError):
        next(things)
