"""What may happen to the workers, the server, the disk and the clocks of a chaos run.

What must be true of the study after all of it is in checks.py.
"""

import random
import time
from collections.abc import Callable

from sqlalchemy import text

from benchmarks.chaos.cluster import Cluster, take_all_space

FULL_SECONDS = 20.0
LATE_SECONDS = 60.0
"""A worker that writes is waited for so long."""


def kill(cluster: Cluster, draw: random.Random) -> None:
    """Kill a worker in a random moment of its trial."""
    for _ in range(100):
        if busy := cluster.in_a_trial():
            time.sleep(draw.uniform(0.0, 2.0))  # its trial may end meanwhile: that is a moment too
            worker, number = draw.choice(busy)
            return cluster.kill(worker, f"in or after trial {number}")
        cluster.tend_for(0.3)
    return cluster.kill(draw.choice(list(cluster.workers.values())), "without a trial")


def kill_soon(cluster: Cluster, draw: random.Random) -> None:
    """Kill the youngest worker, while it starts."""
    cluster.tend()
    youngest = max(cluster.workers.values(), key=lambda worker: worker.started)
    cluster.tend_for(draw.uniform(0.5, 15.0))
    cluster.kill(youngest, "soon after its start")


def kill_late(cluster: Cluster, draw: random.Random) -> None:
    """Kill a worker that has announced its weights, and not told yet how its trial ended."""
    deadline = time.monotonic() + LATE_SECONDS
    while time.monotonic() < deadline:
        for _ in range(100):
            if writing := cluster.writing():
                worker, number = writing[0]
                return cluster.kill(worker, f"as it writes what trial {number} has made")
            time.sleep(0.002)
        cluster.tend()
    return kill(cluster, draw)


def restart(cluster: Cluster, draw: random.Random) -> None:
    """The server is away for some seconds."""
    seconds = draw.uniform(3.0, 9.0)
    cluster.server.stop()
    cluster.say(f"server stopped for {seconds:.1f} s")
    time.sleep(seconds)
    cluster.server.start()
    cluster.say("server started")


def fill_disk(cluster: Cluster, draw: random.Random) -> None:
    """Nothing can be written to the artifacts' disk for a while."""
    filler = cluster.weights.parent / "filler"
    take_all_space(filler)
    cluster.say(f"artifacts' disk full for {FULL_SECONDS:.0f} s")
    deadline = time.monotonic() + FULL_SECONDS
    while time.monotonic() < deadline:
        cluster.tend_for(1.0)
        take_all_space(filler)  # what was freed meanwhile
    filler.unlink()
    cluster.say("artifacts' disk has space again")


def clock_back(cluster: Cluster, draw: random.Random) -> None:
    """All heartbeats are an hour old, as if the server's clock had been set an hour ahead."""
    shift_heartbeats(cluster, "- interval '1 hour'")


def clock_forward(cluster: Cluster, draw: random.Random) -> None:
    """All heartbeats are an hour ahead, and a worker that only they could betray dies."""
    for _ in range(100):
        if busy := cluster.in_a_trial(elsewhere=True):
            shift_heartbeats(cluster, "+ interval '1 hour'")
            return cluster.kill(busy[0][0], f"after that, in trial {busy[0][1]}")
        cluster.tend_for(0.3)
    return shift_heartbeats(cluster, "+ interval '1 hour'")


def shift_heartbeats(cluster: Cluster, interval: str) -> None:
    """Make the heartbeats of all running trials older or younger."""
    running = "trial_id IN (SELECT trial_id FROM trials WHERE state = 'RUNNING')"
    change = f"UPDATE trial_heartbeats SET heartbeat = heartbeat {interval} WHERE {running}"
    with cluster.engine.begin() as connection:
        count = connection.execute(text(change)).rowcount
    cluster.say(f"heartbeats of {count} running trials: {interval}")


FAULTS: dict[str, Callable[[Cluster, random.Random], None]] = {
    "kill": kill,
    "kill soon": kill_soon,
    "kill late": kill_late,
    "restart": restart,
    "full disk": fill_disk,
    "clock back": clock_back,
    "clock forward": clock_forward,
}


def schedule(kills: int, restarts: int, draw: random.Random) -> list[str]:
    """The faults in their order: of five kills, one comes soon after a start and one late."""
    some = kills // 5
    often = ["kill"] * (kills - 2 * some) + ["kill soon"] * some + ["kill late"] * some
    faults = often + ["restart"] * restarts + ["full disk", "clock back", "clock forward"]
    draw.shuffle(faults)
    return faults
