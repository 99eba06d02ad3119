"""Networks are timed by the time that their thread works, in turn with a reference."""

import time
from itertools import pairwise

from plantnas.report.timing import ROUNDS, timings, undisturbed


def spin() -> None:
    sum(range(2000))


def test_the_time_that_a_thread_waits_does_not_count() -> None:
    def work() -> None:
        for _ in range(50):
            spin()

    def wait_too() -> None:
        work()
        time.sleep(0.01)

    working, waiting = timings([work, wait_too], seconds=0)
    assert waiting.milliseconds < 3 * working.milliseconds


def test_networks_are_timed_in_turn() -> None:
    called = list[str]()
    timings([lambda: called.append("a"), lambda: called.append("b")], seconds=0)
    changes = sum(before != after for before, after in pairwise(called))
    assert changes == 2 * ROUNDS + 1


def test_times_are_multiples_of_what_the_reference_takes_undisturbed() -> None:
    (usual,) = timings([spin], seconds=0.02)
    (thousandfold,) = timings(
        [spin], seconds=0.02, reference_milliseconds=1000 * undisturbed("cpu")
    )
    assert thousandfold.milliseconds > 100 * usual.milliseconds
    assert usual.spread >= 0
