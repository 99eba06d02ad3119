"""A study and its baselines with several random seeds, and the verdict: one command for all.

It runs the commands of plantnas that a user would run: for each random seed `plantnas run` and
`plantnas baselines`, then `plantnas compare` over all of them. It may be stopped at any time and
goes on where it was. The table of all networks and the page with plots, verdict and costs are
written to the folder of results; the databases stay in plantnas-studies/.

Usage: python benchmarks/comparison.py compare-plain [--seeds 3] [--workers 2] [--methods ...]
                                       [--targets lineage] [--rates 0.01,0.02]
                                       [--results docs/results] [--program plantnas]
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

METHODS = (
    "l1-kd",
    "bn-scale-kd",
    "fpgm-kd",
    "taylor-kd",
    "group-norm-kd",
    "random-kd",
    "group-norm-global-iterative-kd",
    "l1",
    "scratch",
    "scratch-kd",
    "uniform-kd",
    "reconstruct-kd",
    "slimmable-kd",
    "finish",
    "family",
    "unfrozen-kd",
    "search-kd",
)


def run(program: Path, *words: object) -> None:
    """Runs a command of plantnas, in the environment of this script.

    Raises:
        SystemExit: It failed; it has said why.
    """
    print("plantnas", *words, flush=True)
    ended = subprocess.run([program, *map(str, words)], check=False)
    if ended.returncode:
        raise SystemExit(ended.returncode)


def names_of(study: str, seeds: int) -> list[str]:
    """The names of a study's runs; the folder of a path and its suffix are not in them."""
    return [f"{Path(study).stem}-{seed}" for seed in range(seeds)]


def main() -> None:
    """Runs everything; what `plantnas compare` prints is last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", help="a shipped study or the path of a YAML file")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--targets", default="lineage", choices=("front", "lineage"))
    parser.add_argument("--rates", help="learning rates to tune over; by default those of plantnas")
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument(
        "--program", type=Path, default=Path(sys.executable).with_name("plantnas"), help="to run"
    )
    given = parser.parse_args()
    plantnas = partial(run, given.program)
    start, names = time.perf_counter(), names_of(given.study, given.seeds)
    workers = ("--workers", given.workers)
    for seed, name in enumerate(names):
        plantnas("run", given.study, "--name", name, "--seed", seed, *workers)
    for name in names:
        wanted = ["--methods", given.methods, "--targets", given.targets]
        if given.rates is not None:
            wanted += ["--rates", given.rates]
        plantnas("baselines", name, *wanted, *workers)
    given.results.mkdir(parents=True, exist_ok=True)
    page, table = (given.results / f"{Path(given.study).stem}{end}" for end in (".html", ".csv"))
    plantnas("compare", *names, "--out", page, "--csv", table, "--force")  # over an earlier run's
    minutes = (time.perf_counter() - start) / 60
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {given.workers} workers, "
        f"{given.seeds} random seeds: {minutes:.0f} minutes"
    )


if __name__ == "__main__":
    main()
