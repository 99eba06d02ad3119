"""How far ten measurements of one network's latency are from each other.

Latency is measured everywhere as here: one thread, its own time, in rounds, in turn with a
reference, the median (plantnas/report/timing.py). Beside it stands what was done before:
the time that passes, with as many calls as three cold ones let expect. The last line is the spread,
the distance of the largest and the smallest of the ten, relative to their median.

Usage: python benchmarks/latency.py [--network plain] [--size 28] [--batch-size 1]
           [--backend torch|torch.export|onnxruntime] [--device cpu] [--measurements 10]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from timeit import Timer

import torch

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/latency.py`

from plantnas.networks.loader import build_network
from plantnas.report.backends import BACKENDS, Run, run_of
from plantnas.report.timing import timings


def spread(milliseconds: Sequence[float]) -> float:
    """The distance of the largest and the smallest, relative to the median."""
    return (max(milliseconds) - min(milliseconds)) / median(milliseconds)


def as_before(run: Run) -> float:
    """Milliseconds by the time that passes, of five repetitions in a fifth of a second."""
    timer = Timer(run)
    calls = max(1, round(0.2 / 5 / (timer.timeit(3) / 3)))
    return 1000 * median(timer.repeat(5, calls)) / calls


def main() -> None:
    """Prints a line a measurement, and the spreads."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--network", default="plain")
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--backend", choices=BACKENDS, default="torch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--measurements", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = build_network(asked.network, 10, 3, {}, 0)
    example = torch.zeros(1, 3, asked.size, asked.size)
    run = run_of(network, example, asked.batch_size, asked.backend, asked.device)
    print(f"{asked.network} at {asked.size} x {asked.size}, {asked.backend}, {asked.device}")
    before, now = list[float](), list[float]()
    for number in range(1, asked.measurements + 1):
        with torch.inference_mode():
            before.append(as_before(run))
        (timing,) = timings([run], asked.device)
        now.append(timing.milliseconds)
        print(
            f"{number:2}: {now[-1]:.4f} ms, quartiles {100 * timing.spread:.1f} % apart; "
            f"time that passes {before[-1]:.4f} ms",
            flush=True,
        )
    print(f"spread of the time that passes: {100 * spread(before):.1f} %")
    print(f"spread: {100 * spread(now):.1f} %")


if __name__ == "__main__":
    main()
