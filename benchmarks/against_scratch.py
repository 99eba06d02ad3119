"""A finished study's planted networks against networks of the same size trained from scratch.

For every step of the lineage of the study's most accurate planted network it trains, with the same
data, teacher's logits, loss, batch size and optimiser as the seed's recipe,
  * the found widths from scratch by distillation, and
  * the architecture narrowed uniformly to the same number of parameters,
each for as many epochs as the whole lineage up to that step had, and reads the test split of all.
Search cost (screening trials) is not in the epochs: `plantnas status` tells it.

Usage: python benchmarks/against_scratch.py fashion-mnist [--directory DIR] [--seeds N]
                                            [--workers N]
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import torch

from plantnas.channels.cost import parameters_at
from plantnas.channels.groups import analyse
from plantnas.config import StudyConfig
from plantnas.config_files import load_study
from plantnas.records.database import Database, NetworkRecord
from plantnas.records.loading import example_images, network_at
from plantnas.report.front import lineage, pareto_front, validation_accuracy
from plantnas.report.images import evaluate_by_labels, load_images
from plantnas.search.objective import PlantingObjective
from plantnas.search.prepared import PreparedStudy
from plantnas.search.storage import sqlite_url
from plantnas.search.study import existing_study, open_study
from plantnas.training.distillation import fit
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.seeds import derived_seed, generator_for


class Task(NamedTuple):
    """One network to train from scratch."""

    kind: str
    step: int
    widths: dict[str, int]
    epochs: int
    seed: int


class Result(NamedTuple):
    """What it achieved."""

    task: Task
    parameters: int
    validation_loss: float
    validation_accuracy: float
    test_accuracy: float
    seconds: float


_study: PreparedStudy
_test: tuple[torch.Tensor, torch.Tensor]


def start_worker(config: StudyConfig, directory: Path) -> None:
    """Loads the study once a process."""
    global _study, _test
    torch.set_num_threads(1)
    url = sqlite_url(directory)
    _study = PlantingObjective(config, directory).prepared(open_study(config, url))
    _test = load_images(url, config.name, "test")


def train(task: Task) -> Result:
    """Trains one network from scratch by distillation."""
    config, start = _study.config, time.perf_counter()
    images = _study.database.study(config.name).configuration["images"]
    seed = derived_seed(config.random_seed, "scratch", task.seed)
    network = network_at(config.search_space, images, task.widths, seed)
    generator = generator_for(config.random_seed, "scratch batches", task.seed)
    optimizer = whole_network_optimizer(network, config.seed)
    fit(network, optimizer, _study.data, config.seed, task.epochs, generator)
    metrics = _study.validate(network)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    seconds = time.perf_counter() - start
    accuracy = evaluate_by_labels(network, *_test).accuracy
    return Result(task, parameters, metrics.loss, metrics.accuracy, accuracy, seconds)


def uniform_widths(config: StudyConfig, database: Database, parameters: int) -> dict[str, int]:
    """The widths of the uniformly narrowed architecture with the nearest number of parameters."""
    images = database.study(config.name).configuration["images"]
    network = network_at(config.search_space, images, {})
    structure = analyse(network, example_images(images))
    best: tuple[int, dict[str, int]] | None = None
    for thousandth in range(10, 1001):
        widths = {
            name: max(1, round(group.width * thousandth / 1000 / group.granularity))
            * group.granularity
            for name, group in structure.growable.items()
        }
        distance = abs(parameters_at(structure, network, widths) - parameters)
        if best is None or distance < best[0]:
            best = distance, widths
    assert best is not None
    return best[1]


def lineage_epochs(config: StudyConfig, step: int) -> int:
    """Epochs of the seed and of the growing trials up to a step."""
    grown = (config.planting.growing_epochs(number) for number in range(1, step + 1))
    return config.seed.epochs + sum(grown)


def planted_lineage(database: Database, name: str) -> list[NetworkRecord]:
    """The steps of the most accurate planted network, without the seed."""
    networks = database.networks(name)
    planted = [network for network in pareto_front(networks) if network.method == "planting"]
    return lineage(networks, max(planted, key=validation_accuracy))[1:]


def row(name: str, parameters: int, epochs: int, runs: list[Result] | NetworkRecord) -> str:
    """A line of the table: mean and standard deviation over seeds."""
    if isinstance(runs, NetworkRecord):
        validation, test = runs.evaluation_on("validation"), runs.evaluation_on("test")
        assert validation is not None
        tested = f"{100 * test.accuracy:.2f}" if test else "-"
        accuracy = f"{100 * validation.accuracy:.2f}"
        return line(name, parameters, epochs, validation.loss, accuracy, tested)
    loss = statistics.mean(run.validation_loss for run in runs)
    shown = []
    for values in ([r.validation_accuracy for r in runs], [r.test_accuracy for r in runs]):
        spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
        shown.append(f"{100 * statistics.mean(values):.2f}{spread}")
    return line(name, parameters, epochs, loss, shown[0], shown[1])


def line(name: str, parameters: int, epochs: int, loss: float, validation: str, test: str) -> str:
    """A line of the table."""
    return f"{name:28} {parameters:>10,} {epochs:>6} {loss:>10.3f} {validation:>14} {test:>14}"


def main() -> None:
    """Prints the table; its last line is the mean difference in test accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    config = load_study(arguments.study)
    directory = arguments.directory or Path("plantnas-studies") / config.name
    existing_study(config.name, sqlite_url(directory))
    database = Database(sqlite_url(directory))
    steps = planted_lineage(database, config.name)
    tasks = [
        Task(kind, number, widths, lineage_epochs(config, number), seed)
        for number, network in enumerate(steps, 1)
        for kind, widths in (
            ("found widths", network.widths),
            ("uniform widths", uniform_widths(config, database, network.parameters)),
        )
        for seed in range(arguments.seeds)
    ]
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.workers, start_worker, (config, directory)) as pool:
        results = pool.map(train, tasks, chunksize=1)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, 1 thread a run; {arguments.seeds} seeds of "
        f"each scratch network, 1 of the planted lineage; mean ± standard deviation"
    )
    columns = ("network", "parameters", "epochs", "KD loss", "validation %", "test %")
    print("{:28} {:>10} {:>6} {:>10} {:>14} {:>14}".format(*columns))
    references = [network for network in database.networks(config.name) if network.kind is None]
    for network in references:
        print(row(network.method, network.parameters, len(network.epochs), network))
    differences = []
    for number, network in enumerate(steps, 1):
        epochs = lineage_epochs(config, number)
        print(row(f"step {number}: planted", network.parameters, epochs, network))
        planted = network.evaluation_on("test")
        for kind in ("found widths", "uniform widths"):
            runs = [r for r in results if r.task.step == number and r.task.kind == kind]
            print(row(f"step {number}: scratch, {kind}", runs[0].parameters, epochs, runs))
            mean = statistics.mean(run.test_accuracy for run in runs)
            if planted is not None:
                differences.append((kind, 100 * (planted.accuracy - mean)))
    for kind in ("found widths", "uniform widths"):
        mean = statistics.mean(value for name, value in differences if name == kind)
        print(f"planted minus scratch of {kind}: {mean:+.2f} points of test accuracy on average")


if __name__ == "__main__":
    main()
