"""Trials an hour with one worker and with several, on the same plantings.

The first run's screens are queued for the others, which therefore train the same networks. A rate
is the number of screens over the time from the start of the first to the end of the last; each
worker has one thread, and nothing else should run. The teacher and the start of workers are not in
it.

Usage: python benchmarks/scaling.py fashion-mnist [--workers 1 2] [--screens 16]
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import torch
from optuna.trial import FrozenTrial, TrialState

from plantnas.config import StudyConfig
from plantnas.config_files import load_study, with_overrides
from plantnas.place import sqlite_url
from plantnas.searching.objective import PlantingObjective
from plantnas.trials.assignments import assignment_of
from plantnas.trials.study import open_study
from plantnas.workers.run import run_study


class Rate(NamedTuple):
    """How fast so many workers were."""

    workers: int
    screens: int
    seconds: float

    @property
    def trials_an_hour(self) -> float:
        """Screens an hour."""
        return 3600 * self.screens / self.seconds


def screens_of(study: optuna.Study) -> list[FrozenTrial]:
    """The screens that were trained, in the order of their start."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [each for each in complete if (it := assignment_of(each)) and it.kind == "screen"]


def measured(
    config: StudyConfig, prepared: Path, workers: int, plantings: Sequence[dict[str, Any]]
) -> tuple[Rate, list[FrozenTrial]]:
    """Run a copy of a prepared study, with these plantings first."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "study"
        shutil.copytree(prepared, directory)
        url = sqlite_url(directory)
        study = open_study(config, url)
        for planting in plantings:
            study.enqueue_trial(planting)
        screens = screens_of(run_study(config, url, directory, workers))
    starts = [trial.datetime_start for trial in screens if trial.datetime_start]
    ends = [trial.datetime_complete for trial in screens if trial.datetime_complete]
    return Rate(workers, len(screens), (max(ends) - min(starts)).total_seconds()), screens


def main() -> None:
    """Prints a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", help="a shipped study or the path of a YAML file")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--screens", type=int, default=16)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the workers
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    overrides = {
        "search.steps": 1,
        "search.trials_per_step": given.screens,
        "planting.epochs": 1,  # of the one network that is grown at the end
    }
    config = with_overrides(load_study(given.study), overrides)
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "study"
        study = open_study(config, sqlite_url(prepared))
        PlantingObjective(config, prepared).prepared(study, print)
        rates, plantings = list[Rate](), list[dict[str, Any]]()
        for workers in given.workers:
            rate, screens = measured(config, prepared, workers, plantings)
            plantings = plantings or [trial.params for trial in screens]
            rates.append(rate)
            ratio = rate.trials_an_hour / rates[0].trials_an_hour
            print(
                f"{workers} workers: {rate.screens} screens in {rate.seconds:.1f} s, "
                f"{rate.trials_an_hour:.0f} an hour, {ratio:.2f} times those of {given.workers[0]}",
                flush=True,
            )


if __name__ == "__main__":
    main()
