"""Lineages of planted networks against their last widths trained from scratch.

A lineage is a seed and three plantings in all groups at once, each trained as a study's growing
trials are, from the teacher's channels or from fresh ones; a variant changes one thing of it. The
last widths are trained from scratch by the same distillation for as many epochs as the whole
lineage, with the seed's recipe and each learning rate of a small grid, of which validation chooses.
Every run has the same images, views, logits of the teacher and batches of 64; a seed of a run draws
weights and batches. Metrics are on the validation split; the test split is read with `--test`, for
the figures of a report.

Usage: python benchmarks/recipe.py plain [VARIANT ...] [--seeds 3] [--workers 2] [--test]
                                   [--start teacher] [--epochs 2 4 12 30] [--directory DIR]
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/recipe.py`

from benchmarks.common import SPACES, heading, in_processes, line
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import ROWS
from plantnas.channels.initialising import Donor, Initialisation
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import crop, plant, planted_entries, planted_widths
from plantnas.channels.structure import classifier_tensors
from plantnas.config import Planting, StudyConfig
from plantnas.config_files import load_study, with_overrides
from plantnas.grouping import grouped
from plantnas.place import sqlite_url
from plantnas.report.images import evaluate_by_labels, load_images
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.prepared import PreparedStudy
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import fit
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.planted import Child, train_planted
from plantnas.training.seeds import generator_for
from plantnas.trials.study import open_study

LAST = {"plain": 0.354, "resnet20": 0.25}
"""Width of a lineage's last network, of the architecture's."""
RATES = (0.005, 0.01, 0.02, 0.04)
"""Learning rates that networks from scratch may have."""


@dataclass(frozen=True)
class Variant:
    """What a lineage does otherwise than the default.

    Attributes:
        settings: Of `Planting`.
        ratio: Between the widths of a network and its parent; the number of parameters grows by
            about the square of it.
        equal_epochs: Every step has a quarter of the lineage's epochs.
        free: Earlier entries that are trained too.
        order: Of the teacher's channels: largest first, as a study has it, or as it learnt them.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    ratio: float = 2.0
    equal_epochs: bool = False
    free: Literal["none", "affine", "all"] = "none"
    order: Literal["largest first", "as learnt"] = "largest first"


VARIANTS = {
    "default": Variant(),
    "equal epochs": Variant(equal_epochs=True),
    "small steps": Variant(ratio=2**0.5),
    "small steps, equal epochs": Variant(ratio=2**0.5, equal_epochs=True),
    "one rate .02": Variant({"row_rate": 1.0}),
    "one rate .01": Variant({"row_rate": 1.0, "learning_rate": 0.01}),
    "one rate .005": Variant({"row_rate": 1.0, "learning_rate": 0.005}),
    "rows at .3 of the rate": Variant({"row_rate": 0.3}),
    "rate .04": Variant({"learning_rate": 0.04}),
    "rate .01": Variant({"learning_rate": 0.01}),
    "warm-up 5 %": Variant({"warmup": 0.05}),
    "batches of 32": Variant({"batch_size": 32}),
    "planted classifier": Variant({"classifier": "planted"}),
    "running statistics": Variant({"batch_norm": "running"}),
    "random columns": Variant({"column_init": 1.0}),
    "zero columns": Variant({"column_init": 0.0}),
    "random columns, one rate .02": Variant({"column_init": 1.0, "row_rate": 1.0}),
    "not held": Variant({"l2_sp": 0.0}),
    "held at .3": Variant({"l2_sp": 0.3}),
    "channels as learnt": Variant(order="as learnt"),
    "weight decay 1e-4": Variant({"weight_decay": 1e-4}),
    "float32": Variant({"precision": "float32"}),
    "earlier affine trained": Variant(free="affine"),
    "everything trained": Variant(free="all"),
}


class Task(NamedTuple):
    """A lineage of a variant, or a network from scratch at a learning rate."""

    name: str
    seed: int
    epochs: tuple[int, ...]
    rate: float | None = None


class Result(NamedTuple):
    """The networks of a lineage, or the one from scratch."""

    task: Task
    parameters: list[int]
    losses: list[float]
    accuracies: list[float]
    test_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Bench:
    """What a process holds: the study with teacher and logits, and what is asked of its lineages.

    Attributes:
        prepared: The study.
        network: The name of its architecture.
        start: Where seeds and new channels come from.
        test: Images and labels of the test split, where its accuracy is asked for.
    """

    prepared: PreparedStudy
    network: str
    start: str
    test: tuple[Tensor, Tensor] | None


def configuration(network: str) -> StudyConfig:
    """The study fashion-mnist on another architecture, whose teacher stays as it has learnt."""
    study = with_overrides(
        load_study("fashion-mnist"), {"seed.start": "fresh", "planting.rows": "fresh"}
    )
    changes = {"name": f"recipe-{network}", "search_space": SPACES[network]}
    return study.model_copy(update=changes)


def opened(given: argparse.Namespace) -> Bench:
    """Loads data, teacher and logits, once a process."""
    torch.set_num_threads(1)
    config, url = configuration(given.network), sqlite_url(given.directory)
    prepared = PlantingObjective(config, given.directory).prepared(open_study(config, url), print)
    test = load_images(url, config.name, "test") if given.test else None
    return Bench(prepared, given.network, given.start, test)


def _test_accuracy(bench: Bench, network: nn.Module) -> float | None:
    """In per cent; None without the test images."""
    if bench.test is None:
        return None
    records = bench.prepared.records
    return 100 * evaluate_by_labels(records, network, *bench.test, "test").accuracy


def run(bench: Bench, task: Task) -> Result:
    """One lineage or network from scratch."""
    start = time.perf_counter()
    networks = from_scratch(bench, task) if task.rate is not None else lineage(bench, task)
    metrics = [bench.prepared.validate(network) for network in networks]
    return Result(
        task,
        [sum(parameter.numel() for parameter in network.parameters()) for network in networks],
        [each.loss for each in metrics],
        [100 * each.accuracy for each in metrics],
        _test_accuracy(bench, networks[-1]),
        time.perf_counter() - start,
    )


def widths_at(bench: Bench, fraction: float) -> dict[str, int]:
    """A fraction of the architecture's widths, which are the teacher's."""
    whole = bench.prepared.teacher.widths
    return {name: max(1, round(fraction * width)) for name, width in whole.items()}


def fresh(bench: Bench, fraction: float, seed: int) -> nn.Module:
    """The architecture at a fraction of its widths, untrained."""
    return bench.prepared.records.build(widths_at(bench, fraction), seed)


def trained(
    bench: Bench, network: nn.Module, task: Task, epochs: int, l2_sp: float = 0.0
) -> nn.Module:
    """The network, trained by the seed's recipe."""
    recipe = bench.prepared.config.seed
    if task.rate is not None:
        recipe = recipe.model_copy(update={"learning_rate": task.rate})
    recipe = recipe.model_copy(update={"epochs": epochs})
    optimizer = whole_network_optimizer(network, recipe, l2_sp)
    fit(network, optimizer, bench.prepared.data, recipe, generator_for(task.seed, "seed"))
    return network


def teacher(bench: Bench, variant: Variant) -> nn.Module:
    """The study's, with its trained weights."""
    prepared = bench.prepared
    network = prepared.records.load(prepared.teacher)
    if variant.order == "as learnt":
        return network
    return largest_first(network, analyse(network, prepared.example))


def from_scratch(bench: Bench, task: Task) -> list[nn.Module]:
    """The last widths, trained for all epochs."""
    network = fresh(bench, LAST[bench.network], task.seed)
    return [trained(bench, network, task, sum(task.epochs))]


def lineage(bench: Bench, task: Task) -> list[nn.Module]:
    """The seed and its descendants, each planted in all groups."""
    variant, steps = VARIANTS[task.name], len(task.epochs) - 1
    settings = Planting.model_validate({"rows": bench.start} | variant.settings)
    epochs = [sum(task.epochs) // (steps + 1)] * (steps + 1)
    epochs = epochs if variant.equal_epochs else list(task.epochs)
    last = LAST[bench.network]
    fractions = [last / variant.ratio ** (steps - step) for step in range(steps + 1)]
    seed = fresh(bench, fractions[0], task.seed)
    if bench.start == "teacher":
        widths = widths_at(bench, fractions[0])
        seed = crop(teacher(bench, variant), bench.prepared.example, widths)
    networks = [trained(bench, seed, task, epochs[0], settings.l2_sp)]
    for step in range(1, steps + 1):
        recipe = settings.for_step(step, steps).model_copy(update={"epochs": epochs[step]})
        generator, widths = (
            generator_for(task.seed, "step", step),
            widths_at(bench, fractions[step]),
        )
        networks.append(grown(bench, networks[-1].eval(), widths, recipe, variant, generator))
    return networks


def grown(
    bench: Bench,
    parent: nn.Module,
    widths: dict[str, int],
    recipe: Planting,
    variant: Variant,
    generator: torch.Generator,
) -> nn.Module:
    """A parent planted up to these widths, and trained."""
    structure = analyse(parent, bench.prepared.example)
    planting = {
        name: max(0, width - structure.growable[name].width) for name, width in widths.items()
    }
    donor = None
    if recipe.rows == "teacher":
        wide = teacher(bench, variant)
        donor = Donor(wide, analyse(wide, bench.prepared.example))
    network = plant(
        parent,
        bench.prepared.example,
        planting,
        generator,
        initialisation=Initialisation(ROWS.find(recipe.rows), recipe.column_init, donor),
        structure=structure,
    )
    freed = {
        name
        for name, parameter in network.named_parameters()
        if variant.free == "all" or (variant.free == "affine" and parameter.ndim == 1)
    }
    masks = planted_entries(structure, parent, planting)
    wider = structure.with_widths(planted_widths(structure, planting))
    child = Child(network, masks, classifier_tensors(structure) | freed, "parent", wider)
    train_planted(child, bench.prepared.data, recipe, FeatureCache(0), generator)
    return network


def shown(values: Sequence[float], digits: int) -> str:
    """Mean and standard deviation."""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


COLUMNS = {
    "network": "<34",
    "params": ">8",
    "KD loss": ">14",
    "validation %": ">14",
    "test %": ">14",
    "seconds": ">7",
    "KD losses before": "",
}


def row(name: str, results: list[Result]) -> str:
    """A line of the table: the last networks, and the losses of those before."""
    tested = [each.test_accuracy for each in results if each.test_accuracy is not None]
    before = zip(*(each.losses[:-1] for each in results), strict=True)
    cells = (
        name,
        f"{results[0].parameters[-1]:,}",
        shown([each.losses[-1] for each in results], 3),
        shown([each.accuracies[-1] for each in results], 2),
        shown(tested, 2) if tested else "-",
        f"{statistics.mean(each.seconds for each in results):.0f}",
        " ".join(f"{statistics.mean(losses):.3f}" for losses in before),
    )
    return line(COLUMNS, cells)


def last_loss(results: list[Result]) -> float:
    """The last networks' loss, mean over seeds."""
    return statistics.mean(each.losses[-1] for each in results)


def report(results: list[Result]) -> None:
    """Prints the table, and the first variant's distance from scratch."""
    groups = grouped((each.task.name, each) for each in results)
    print(heading(COLUMNS))
    for name, group in groups.items():
        print(row(name, group))
    scratch = min(
        (group for name, group in groups.items() if name.startswith("scratch")), key=last_loss
    )
    first = next(iter(groups.values()))
    points = statistics.mean(each.accuracies[-1] for each in first) - statistics.mean(
        each.accuracies[-1] for each in scratch
    )
    print(
        f"{first[0].task.name} minus {scratch[0].task.name}: {points:+.2f} points of validation "
        f"accuracy, {100 * (last_loss(first) / last_loss(scratch) - 1):+.0f} % of the loss"
    )


def main() -> None:
    """Reads the arguments and runs all tasks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=SPACES)
    parser.add_argument(
        "variants", nargs="*", default=["default"], help=", ".join(VARIANTS).replace("%", "%%")
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--start", choices=("teacher", "fresh"), default="teacher")
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 4, 12, 30])
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--test", action="store_true")
    given = parser.parse_args()
    given.directory = given.directory or Path("plantnas-studies") / f"recipe-{given.network}"
    epochs, seeds = tuple(given.epochs), range(given.seeds)
    tasks = [Task(name, seed, epochs) for name in given.variants for seed in seeds] + [
        Task(f"scratch, rate {rate}", seed, epochs, rate) for rate in given.rates for seed in seeds
    ]
    # Before the processes, which would make its tables at the same time.
    open_study(configuration(given.network), sqlite_url(given.directory))
    results = []
    for each in in_processes(given.workers, partial(opened, given), run, tasks):
        results.append(each)
        print(row(f"{each.task.name}, seed {each.task.seed}", [each]), flush=True)
    print(
        f"{given.network} from {given.start} channels, epochs {' + '.join(map(str, epochs))}, "
        f"{given.seeds} seeds, {platform.machine()}, {given.workers} processes of 1 thread"
    )
    report(results)


if __name__ == "__main__":
    main()
