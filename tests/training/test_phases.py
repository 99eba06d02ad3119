"""Seconds by phase."""

import pytest

from plantnas.training.phases import Phases


def test_a_phase_that_comes_again_has_the_seconds_of_both_times() -> None:
    phases = Phases()
    with phases("first"):
        pass
    once = phases.seconds["first"]
    with phases("first"):
        pass
    assert phases.seconds["first"] > once > 0


def test_phases_stand_in_the_order_in_which_they_ended() -> None:
    phases = Phases()
    with phases("first"):
        pass
    phases.add({"second": 2.0, "third": 3.0})
    phases.add({"second": 0.5})
    assert list(phases.seconds) == ["first", "second", "third"]
    assert phases.seconds["second"] == 2.5


def test_a_phase_that_fails_has_its_seconds_too() -> None:
    phases = Phases()
    with pytest.raises(ZeroDivisionError), phases("division"):
        _ = 1 / 0
    assert phases.seconds["division"] > 0
