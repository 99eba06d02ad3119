"""Whether an architecture can be searched: a whole study of it, with two batches an epoch.

Its images are noise, and its trainings one epoch each: it shows that teacher, samples, probes,
seed, screen and grow run, not what they are worth. Each architecture has a process of its own, of
one thread; by default they are those of architectures.py. What cannot be searched is printed last.

Usage: python benchmarks/searchable.py [NAME ...] [--write]
    NAME     such as torchvision/resnet18 or timm/dla34; all by default
    --write  puts what is printed last into docs/architectures.md
"""

import argparse
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
import torch

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/architectures.py`

from benchmarks.architectures import NAMES, PAGE, SIZES, in_own_process
from plantnas.config import Data, StudyConfig
from plantnas.config_files import validated
from plantnas.errors import PlantnasError, first_line
from plantnas.searching.objective import PlantingObjective
from plantnas.training.images import Images
from plantnas.trials.study import open_study
from plantnas.workers.worker import optimize_until_complete

BATCH, CLASSES = 8, 4
MARKERS = (
    "<!-- benchmarks/searchable.py: begin -->",
    "<!-- benchmarks/searchable.py: end -->",
)


def images(data: Data, split: str) -> Images:
    """Noise of three channels, for training and validation: each class as often as the others."""
    size, count = data.image_size or 96, 4 * BATCH
    generator = torch.Generator().manual_seed(0)
    shape = (count, 3, size, size)
    pixels = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % CLASSES)


def study_of(architecture: str, size: int) -> StudyConfig:
    """A study of one step, two probes and a screen, of images of that size."""
    recipe = {"epochs": 1, "batch_size": BATCH}
    tree = {
        "name": "searchable",
        "search_space": {"architecture": architecture, "seed": {"width": 0.5}},
        "data": {
            "name": "benchmarks.searchable:images",
            "image_size": size,
            "train": 2 * BATCH,
            "validation": BATCH,
            "views": 1,
            "flip": False,
        },
        "teacher": recipe,
        "seed": recipe,
        "planting": recipe | {"screen_epochs": 1},
        "search": {
            "steps": 1,
            "probes": 2,
            "trials_per_step": 1,
            "minimum_growth": 1.001,
            "maximum_growth": 1000,
        },
    }
    return validated(StudyConfig, tree, architecture)


def search_fault(architecture: str, size: int) -> str:
    """Why a study of it ends before its network is grown; empty if it does not."""
    config = study_of(architecture, size)
    with TemporaryDirectory() as folder:
        try:
            study = open_study(config, f"sqlite:///{folder}/study.db")
            optimize_until_complete(study, PlantingObjective(config, folder))
        except PlantnasError as error:
            return first_line(error)
        except Exception as error:  # what a network, or a defect of ours, raises in a trial
            return f"{type(error).__name__}: {first_line(error)}"
        grown = [trial for trial in study.trials if trial.user_attrs.get("kind") == "grow"]
    complete = optuna.trial.TrialState.COMPLETE
    return "" if any(trial.state == complete for trial in grown) else "nothing was grown"


def fault_in_process(name: str) -> str:
    """The same in a fresh process, which may die."""
    done = in_own_process(__file__, name)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["killed"])[-1]
    return done.stdout.splitlines()[-1].removeprefix("fault:").strip()


def summary(faults: dict[str, str]) -> list[str]:
    """How many can be searched, and a line of Markdown for each that cannot."""
    found = {name: fault for name, fault in faults.items() if fault}
    listed = [f"- {name}: {fault}" for name, fault in found.items()]
    return [f"{len(faults) - len(found)} of {len(faults)} can be searched; not:", "", *listed]


def main() -> None:
    """Read the arguments, search, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        torch.set_num_threads(1)
        logging.disable(logging.WARNING)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        print(f"fault: {search_fault(arguments.one, SIZES.get(arguments.one, 96))}")
        return
    faults = dict[str, str]()
    for name in arguments.names or NAMES:
        faults[name] = fault_in_process(name)
        print(f"{name}: {faults[name] or 'searched'}", flush=True)
    lines = summary(faults)
    print(*lines, sep="\n")
    if arguments.write:
        before, _, rest = PAGE.read_text().partition(MARKERS[0])
        _, _, after = rest.partition(MARKERS[1])
        PAGE.write_text("\n".join([before + MARKERS[0], *lines, MARKERS[1] + after]))


if __name__ == "__main__":
    main()
