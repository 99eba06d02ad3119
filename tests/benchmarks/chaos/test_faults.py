"""The faults of a chaos run are those that were asked for, in an order that a seed draws."""

import random
from collections import Counter

from benchmarks.chaos.faults import FAULTS, schedule


def test_the_schedule_has_the_faults_that_were_asked_for() -> None:
    faults = Counter(schedule(50, 3, random.Random(0)))
    often = {"kill": 30, "kill soon": 10, "kill late": 10}
    assert faults == often | {"restart": 3, "full disk": 1, "clock back": 1, "clock forward": 1}
    assert faults.keys() == FAULTS.keys()
    assert schedule(50, 3, random.Random(0)) == schedule(50, 3, random.Random(0))
