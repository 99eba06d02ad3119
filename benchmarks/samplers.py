"""Which sampler proposes the best plantings, when each may probe as many as a step does.

Each sampler proposes plantings of a study's seed until so many are probed, as the study's first
step would: within its window, none twice. It learns from the probes alone, minus loss and
parameters. Printed are, for each random seed and sampler, after a quarter, half and all of the
probes, the hypervolume of minus loss against log parameters (one corner for all samplers of a
random seed), the loss of the probe that the study's winner rule takes, and its parameters; how many
proposals it took, and the CPU seconds of the sampler and of the probes. The last lines are means
over random seeds.

Usage: python benchmarks/samplers.py plain [--random-seeds 0 1 2] [--probes 64]
           [--samplers TPESampler GPSampler NSGAIISampler RandomSampler]
           [--study compare-plain-teacher] [--directory DIR]
"""

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import optuna
import torch
from optuna.trial import TrialState

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/samplers.py`

from benchmarks.common import heading, line
from benchmarks.probes import STUDIES, prepared_study, timed
from plantnas.config import Sampler
from plantnas.config_files import load_study, with_overrides
from plantnas.hypervolume import Corner, Point, hypervolume, worst_corner
from plantnas.records.optuna_tables import WINDOW_CONSTRAINT
from plantnas.searching.prepared import PreparedStudy
from plantnas.searching.proposals import room_to_grow, suggest_counts, suggest_shares
from plantnas.trials.base_samplers import make_sampler

COLUMNS = {
    "random seed": ">11", "sampler": "<14", "a quarter": ">10", "half": ">10", "all": ">10",
    "loss": ">7", "parameters": ">10", "proposals": ">9", "sampler s": ">9", "probes s": ">9",
}  # fmt: skip
SAMPLERS = ("TPESampler", "GPSampler", "NSGAIISampler", "RandomSampler")


class Search(NamedTuple):
    """What a sampler found: a point (minus loss, parameters) a probe, and what that took."""

    points: list[Point]
    proposals: int
    sampler_seconds: float
    probe_seconds: float


def searched(prepared: PreparedStudy, sampler: Sampler, probes: int) -> Search:
    """The probes that a sampler proposes of the study's seed."""
    config, parent = prepared.config, prepared.parent(None)
    growth = config.search_space.grow
    room = room_to_grow(parent.structure, prepared.teacher.widths, growth, config.search)
    suggest = suggest_shares if growth.proposal == "shares" else suggest_counts
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=make_sampler(sampler, config.random_seed)
    )
    points, seen, proposals, seconds = list[Point](), list[dict[str, int]](), 0, 0.0

    def probe() -> float:
        return prepared.probe(structure.growable_widths)

    start = time.process_time()
    while len(points) < probes:
        trial = study.ask()
        new = suggest(trial, room)
        structure = parent.structure.after(new)
        excess = room.excess(structure.growable_widths)
        trial.set_constraint(WINDOW_CONSTRAINT, excess)
        proposals += 1
        if not new or excess > 0 or new in seen:
            study.tell(trial, state=TrialState.PRUNED)
            continue
        loss, took = timed(probe)
        seconds += took
        seen.append(new)
        points.append(Point(-loss, structure.parameters()))
        study.tell(trial, tuple(points[-1]))
    return Search(points, proposals, time.process_time() - start - seconds, seconds)


def figures(search: Search, corner: Corner) -> list[float]:
    """The numbers of a sampler's line, with a corner that is common to all samplers."""
    points = search.points
    areas = [
        hypervolume(points[: round(share * len(points))], corner) for share in (0.25, 0.5, 1.0)
    ]
    winner = max(points, key=lambda point: hypervolume([point], corner))
    seconds = [search.sampler_seconds, search.probe_seconds]
    return [*areas, -winner.accuracy, winner.cost, search.proposals, *seconds]


def cells(random_seed: int | str, name: str, numbers: Sequence[float]) -> list[str]:
    """A sampler's line."""
    shown = ("{:.3f}", "{:.3f}", "{:.3f}", "{:.3f}", "{:,.0f}", "{:.0f}", "{:.1f}", "{:.1f}")
    values = [text.format(each) for text, each in zip(shown, numbers, strict=True)]
    return [str(random_seed), name, *values]


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=STUDIES)
    parser.add_argument("--random-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--probes", type=int, default=64)
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS)
    parser.add_argument("--study", help="Another study than the network's, as for plantnas run.")
    parser.add_argument("--directory", type=Path, help="Of teacher and seed, to use them again.")
    return parser.parse_args()


def main() -> None:
    """Prints a line for each random seed and sampler, and the means."""
    given = arguments()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    config = load_study(given.study or STUDIES[given.network])
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread")
    print(heading(COLUMNS), flush=True)
    lines = list[tuple[str, list[float]]]()
    for random_seed in given.random_seeds:
        seeded = with_overrides(config, {"random_seed": random_seed})
        prepared = prepared_study(seeded, given.directory)
        found = {
            # The study's own sampler has the study's arguments.
            name: searched(
                prepared,
                config.search.sampler
                if name == config.search.sampler.name
                else Sampler(name=name, arguments={}),
                given.probes,
            )
            for name in given.samplers
        }
        everyone = [point for search in found.values() for point in search.points]
        corner = worst_corner(everyone, prepared.teacher.parameters)
        for name, search in found.items():
            lines.append((name, figures(search, corner)))
            print(line(COLUMNS, cells(random_seed, *lines[-1])), flush=True)
    for name in given.samplers:
        columns = zip(*(numbers for each, numbers in lines if each == name), strict=True)
        print(line(COLUMNS, cells("mean", name, [fmean(column) for column in columns])))


if __name__ == "__main__":
    main()
