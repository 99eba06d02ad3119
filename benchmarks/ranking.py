"""How well short training ranks plantings: rank correlations with long training of the same ones.

One parent, the seed of the network's study, and random plantings of it of nearly equal size. Each
planting is trained with each random seed
  * planted, for each of the short trainings (`--epochs`, and two epochs of a third of the images),
  * planted, for `--grow-epochs`, and
  * from scratch at the child's widths by distillation, for `--grow-epochs` of the seed's recipe,
on the images, views and teacher of the study fashion-mnist. A planting starts from the same rows
in all planted trainings of a random seed, as a grown planting of a study starts like its screening.

All losses and accuracies are on the validation split; the test split is not read. Printed are, for
the distillation loss and for accuracy:
  * Spearman's rank correlation of each training with the two long ones, mean over random seeds;
  * that of a training with itself under another seed: above it there is only luck;
  * the planting that a training would pick: its value when planted and grown (mean over the
    seeds), and the regret, its distance from the best planting's.
Seconds are of training with its validations; the features of a frozen prefix, which are computed
once a parent, are not in them.

Usage: python benchmarks/ranking.py {plain,resnet20} [--plantings 20] [--seeds 2] [--images 10000]
           [--workers 2] [--epochs 1 2 4] [--grow-epochs 8] [--directory DIR] [--csv FILE]
"""

import argparse
import json
import multiprocessing
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

import optuna
import pandas as pd
import torch

from plantnas.channels.cost import parameters_at
from plantnas.channels.planting import plant, planted_entries
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.config import Growth, Search, SearchSpace, StudyConfig
from plantnas.config_files import load_search_space, load_study, with_overrides
from plantnas.errors import PlantnasError
from plantnas.records.loading import network_at
from plantnas.search.objective import PlantingObjective
from plantnas.search.prepared import Parent, PreparedStudy, all_widths
from plantnas.search.proposals import Room, room_to_grow, suggest_shares
from plantnas.training.evaluation import Metrics
from plantnas.training.fitting import TrainingData, fit
from plantnas.training.loss import Targets
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.planted import train_planted
from plantnas.training.seeds import derived_seed, generator_for
from plantnas.trials.storage import sqlite_url
from plantnas.trials.study import open_study

Metric = Literal["loss", "accuracy"]

SPACES = {
    "plain": load_search_space("plain"),
    "resnet20": SearchSpace(architecture="resnet20", arguments={"width": 32}),
}
GROWTH = 3.0
"""Parameters of a child over its parent's."""
TOLERANCE = 0.03
"""Relative difference from that."""
GROUP_GROWTH = 4.0
"""New channels of a group, at most, over its width: double a study's, for plantings that differ."""
MAXIMUM_DRAWS = 100
"""For each planting that is wanted."""


class Training(NamedTuple):
    """A way to train a planting."""

    kind: Literal["planted", "scratch"]
    epochs: int
    parts: int = 1
    """It sees one in so many of the images."""

    def __str__(self) -> str:
        part = f" of 1/{self.parts} images" if self.parts > 1 else ""
        return f"{self.kind} {self.epochs} epoch{'s' * (self.epochs > 1)}{part}"


class Task(NamedTuple):
    """One network to train."""

    number: int
    planting: dict[str, int]
    training: Training
    seed: int


class Agreement(NamedTuple):
    """How a training ranks plantings, by one metric."""

    grown: float
    """Rank correlation with the long planted training."""
    scratch: float
    """Rank correlation with training from scratch."""
    between_seeds: float
    """Rank correlation with itself under another seed."""
    picked: float
    """What its best planting achieves when planted and grown."""
    regret: float
    """How much worse that is than the best planting's."""


_study: PreparedStudy
_parent: Parent


def study_config(network: str, images: int) -> StudyConfig:
    """The study fashion-mnist, of another network and number of training images."""
    changes = {
        "name": f"ranking-{network}-{images}",
        "search_space": SPACES[network].model_dump(),
        "data.train": images,
    }
    return with_overrides(load_study("fashion-mnist"), changes)


def draw_plantings(
    structure: Structure, parent: torch.nn.Module, room: Room, number: int
) -> list[dict[str, int]]:
    """Different random plantings inside the room, the same for the same arguments.

    Raises:
        PlantnasError: There seem not to be so many.
    """

    def parameters_with(widths: Mapping[str, int]) -> int:
        return parameters_at(structure, parent, widths)

    generator = generator_for(0, "ranking", "plantings")
    plantings: list[dict[str, int]] = []
    for _ in range(MAXIMUM_DRAWS * number):
        names = [*room.limits, "size"]
        shares = torch.rand(len(names), generator=generator).tolist()
        trial = optuna.trial.FixedTrial(dict(zip(names, shares, strict=True)))
        planting = suggest_shares(trial, room, parameters_with)
        parameters = parameters_with(all_widths(structure, child_widths(structure, planting)))
        if room.excess(parameters) <= 0 and planting not in plantings:
            plantings.append(planting)
        if len(plantings) == number:
            return plantings
    raise PlantnasError(
        f"--plantings {number}: only {len(plantings)} of {MAXIMUM_DRAWS * number} random plantings "
        f"have x{GROWTH:g} of the parent's parameters and differ."
    )


def child_widths(structure: Structure, planting: Mapping[str, int]) -> dict[str, int]:
    """The widths of the groups that a planting changes."""
    return {name: structure.groups[name].width + new for name, new in planting.items()}


def room_of(study: PreparedStudy, parent: Parent) -> Room:
    """Children of nearly one size; no group outgrows the teacher's."""
    window = Search(
        minimum_growth=GROWTH * (1 - TOLERANCE), maximum_growth=GROWTH * (1 + TOLERANCE)
    )
    groups, parameters = parent.structure.growable, parent.record.parameters
    growth = Growth(up_to=GROUP_GROWTH)
    return room_to_grow(groups, study.teacher.widths, parameters, growth, window)


def start_worker(config: StudyConfig, directory: Path) -> None:
    """Loads the study once a process."""
    global _study, _parent
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _study = PlantingObjective(config, directory).prepared(
        open_study(config, sqlite_url(directory))
    )
    _parent = _study.parent(None)


def part_of(data: TrainingData, parts: int) -> TrainingData:
    """The first of so many parts of the training images: they are in random order.

    The inputs stay whole, so that the features of a frozen prefix are shared with all images.
    """
    labels, logits = data.targets
    images = len(labels) // parts
    targets = Targets(labels[:images], None if logits is None else logits[:, :images])
    return replace(data, targets=targets)


def train(task: Task) -> dict[str, object]:
    """Trains one network; a row of the table of results."""
    if task.training.kind == "planted":
        metrics, seconds = train_planting(task)
    else:
        metrics, seconds = train_from_scratch(task)
    widths = child_widths(_parent.structure, task.planting)
    return {
        "planting": task.number,
        "seed": task.seed,
        "training": str(task.training),
        "loss": metrics.loss,
        "accuracy": metrics.accuracy,
        "seconds": seconds,
        "parameters": parameters_at(_parent.structure, _parent.network, widths),
        "widths": json.dumps(all_widths(_parent.structure, widths)),
    }


def train_planting(task: Task) -> tuple[Metrics, float]:
    """Validation metrics and seconds of training the planted channels."""
    settings, network, structure = _study.config.planting, _parent.network, _parent.structure
    purpose = ("ranking", task.seed, task.number)
    child = plant(
        network,
        _study.example,
        task.planting,
        generator_for(0, *purpose, "rows"),
        column_scale=settings.column_init,
        donor=_study.donor(),
        structure=structure,
    )
    trained = train_planted(
        child,
        planted_entries(structure, network, task.planting),
        classifier_tensors(structure),
        part_of(_study.data, task.training.parts),
        settings,
        task.training.epochs,
        _study.features,
        _parent.network_id,
        generator_for(0, *purpose, "batches"),
    )
    return _study.validate(child), trained.seconds["training"]


def train_from_scratch(task: Task) -> tuple[Metrics, float]:
    """Validation metrics and seconds of distilling the child's widths from fresh weights."""
    config, purpose = _study.config, ("ranking", task.seed, task.number, "scratch")
    images = _study.database.study(config.name).configuration["images"]
    widths = all_widths(_parent.structure, child_widths(_parent.structure, task.planting))
    network = network_at(config.search_space, images, widths, derived_seed(0, *purpose, "weights"))
    optimizer = whole_network_optimizer(network, config.seed)
    generator = generator_for(0, *purpose, "batches")
    start = time.perf_counter()
    fit(network, optimizer, _study.data, config.seed, task.training.epochs, generator)
    return _study.validate(network), time.perf_counter() - start


def rank_correlation(left: pd.Series, right: pd.Series) -> float:
    """Spearman's: Pearson's of the ranks, ties at their mean. NaN where one side is constant."""
    return float(left.rank().corr(right.rank()))


def agreement(
    rows: pd.DataFrame, metric: Metric, training: Training, grown: Training, scratch: Training
) -> Agreement:
    """How a training ranks plantings by a metric, against two others.

    Args:
        rows: Columns planting, seed, training, loss and accuracy; a row a network.
        metric: Which of the two columns.
        training: The one to judge.
        grown: The long planted training.
        scratch: The training from scratch.
    """
    table = rows.pivot(index="planting", columns=["training", "seed"], values=metric)
    judged = table[str(training)]

    def mean_correlation(other: Training) -> float:
        of_seed = [rank_correlation(judged[seed], table[str(other), seed]) for seed in judged]
        return float(pd.Series(of_seed).mean())

    pairs = [rank_correlation(judged[one], judged[two]) for one, two in combinations(judged, 2)]
    sign = 1 if metric == "loss" else -1  # the best is the least
    final = rows[rows.training == str(grown)].groupby("planting")[metric].mean()
    picks = [(sign * judged[seed]).idxmin() for seed in judged]
    picked = float(final.loc[picks].mean())
    return Agreement(
        grown=mean_correlation(grown),
        scratch=mean_correlation(scratch),
        between_seeds=float(pd.Series(pairs, dtype=float).mean()),
        picked=picked,
        regret=sign * picked - float((sign * final).min()),
    )


def print_table(
    rows: pd.DataFrame, metric: Metric, trainings: Sequence[Training], long: Sequence[Training]
) -> None:
    """Prints a line for each training; accuracies in percent."""
    grown, scratch = long
    scale, decimals = (1, 4) if metric == "loss" else (100, 2)
    columns = ("with planted", "with scratch", "other seed", "picked", "regret", "seconds")
    title = f"validation {metric}{' %' if metric == 'accuracy' else ''}"
    print(f"\n{title:30}" + "".join(f"{column:>14}" for column in columns))
    for training in trainings:
        found = agreement(rows, metric, training, grown, scratch)
        correlations = (found.grown, found.scratch, found.between_seeds)
        seconds = rows[rows.training == str(training)].seconds.mean()
        print(
            f"{training!s:30}"
            + "".join(f"{value:>14.2f}" for value in correlations)
            + f"{scale * found.picked:>14.{decimals}f}{scale * found.regret:>14.{decimals}f}"
            + f"{seconds:>14.1f}"
        )


def arguments() -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(SPACES))
    parser.add_argument("--plantings", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--images", type=int, default=10_000, help="for training")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--grow-epochs", type=int, default=8)
    parser.add_argument("--directory", type=Path, help="of teacher and parent")
    parser.add_argument("--csv", type=Path, help="for a row of each network")
    return parser.parse_args()


def main() -> None:
    """Prints both tables; the last line is the answer for the study's screening epochs."""
    given = arguments()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    config = study_config(given.network, given.images)
    directory = given.directory or Path("plantnas-studies") / config.name
    objective = PlantingObjective(config, directory)
    study = objective.prepared(open_study(config, sqlite_url(directory)), say=print)
    parent = study.parent(None)
    plantings = draw_plantings(
        parent.structure, parent.network, room_of(study, parent), given.plantings
    )
    short = [*(Training("planted", epochs) for epochs in given.epochs), Training("planted", 2, 3)]
    long = Training("planted", given.grow_epochs), Training("scratch", given.grow_epochs)
    trainings = list(dict.fromkeys([*short, *long]))
    tasks = [
        Task(number, planting, training, seed)
        for number, planting in enumerate(plantings)
        for seed in range(given.seeds)
        for training in trainings
    ]
    print(
        f"{platform.machine()}, {given.workers} workers of 1 thread; {given.images} images; parent "
        f"{parent.record.parameters:,} parameters; {len(plantings)} plantings, {given.seeds} seeds"
    )
    rows = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(given.workers, start_worker, (config, directory)) as pool:
        for row in pool.imap(train, tasks):
            rows.append(row)
            if given.csv:
                pd.DataFrame(rows).to_csv(given.csv, index=False)  # at once: runs are long
    frame = pd.DataFrame(rows)
    print(f"children: {frame.parameters.min():,} to {frame.parameters.max():,} parameters")
    for metric in ("loss", "accuracy"):
        print_table(frame, metric, trainings, long)
    wanted = config.planting.screen_epochs
    screen = min(short, key=lambda each: (each.parts, abs(each.epochs - wanted)))
    by_loss, by_accuracy = (
        agreement(frame, metric, screen, *long) for metric in ("loss", "accuracy")
    )
    print(
        f"\n{screen}: rank correlation with {long[0]} {by_loss.grown:.2f} (loss), "
        f"{by_accuracy.grown:.2f} (accuracy); with {long[1]} {by_loss.scratch:.2f}, "
        f"{by_accuracy.scratch:.2f}"
    )


if __name__ == "__main__":
    main()
