"""Which learning rate a training wants, by its start and length; and a lineage of planted channels.

Networks on the data of studies/compare-plain-teacher.yaml, whose teacher is trained once and kept
in `--directory`, start

  fresh    from weights as their layers draw them
  teacher  from the teacher's first channels, the largest, as they are
  fitted   from these, fitted layer by layer to what the teacher computes

`wholes` trains narrow networks whole, by distillation, for several numbers of epochs, each with a
schedule of its own, at each rate. The last table has how much more loss each rate gives than the
best of the same start, size and length. `lineages` trains a seed for 6 epochs, plants all its
groups up to the second fraction of the teacher's widths, for 6 epochs, and to the third, for 12: a
lineage for each rate of the planted channels, by the settings that a study has for the start. Loss
and accuracy are on the validation split, seconds are CPU seconds of one thread.

Usage: python benchmarks/rates.py wholes [--network plain] [--fractions 0.12 0.212]
           [--starts fresh teacher fitted] [--epochs 1 3 6] [--rates 0.005 0.01 0.02 0.04]
           [--warmup 0.25] [--seeds 0] [--teacher-epochs 6] [--directory DIR]
       python benchmarks/rates.py lineages [--fractions 0.12 0.212 0.4] [--seed-rate 0.02] ...
"""

import argparse
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/rates.py`

from benchmarks.common import SPACES, heading, line
from benchmarks.start import MEMORY
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import ROWS, STARTS
from plantnas.channels.initialising import Donor, Initialisation, Samples
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import narrow, plant, planted_entries, planted_widths
from plantnas.channels.shrinking import shrunk
from plantnas.channels.structure import classifier_tensors
from plantnas.config import Planting, SeedRecipe, StudyConfig, TeacherRecipe
from plantnas.config_files import load_study
from plantnas.grouping import grouped
from plantnas.networks.loader import build_network
from plantnas.training.data import dataset_of
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, fit, validate
from plantnas.training.logits import teacher_logits
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.planted import Child, train_planted
from plantnas.training.samples import teacher_samples
from plantnas.training.seeds import derived_seed, generator_for
from plantnas.training.views import augmented_inputs, image_inputs

STUDY = "compare-plain-teacher"
FRACTIONS = {"wholes": [0.12, 0.212], "lineages": [0.12, 0.212, 0.4]}
LINEAGE_EPOCHS = 6
"""Epochs of the seed and of the first step; the second has twice as many."""


class Cell(NamedTuple):
    """What rates are compared for."""

    start: str
    fraction: float
    epochs: int
    warmup: float
    seed: int


class Row(NamedTuple):
    """A network after a training: its rate, and what it achieves."""

    cell: Cell
    rate: float
    loss: float
    accuracy: float
    parameters: int
    seconds: float


@dataclass(frozen=True)
class Bench:
    """A trained teacher, and what networks learn from it."""

    donor: Donor
    data: TrainingData

    def untrained(self, cell: Cell) -> nn.Module:
        """A narrow network as it starts."""
        donor, fraction = self.donor, cell.fraction
        if cell.start == "fresh":
            generator = torch.Generator().manual_seed(cell.seed)
            return narrow(donor.network, self.data.example, fraction, generator, minimum=2)
        widths = donor.structure.fraction_of_widths(fraction, minimum=2)
        return shrunk(donor, widths, STARTS.find(cell.start))

    def whole(self, cell: Cell, recipe: SeedRecipe) -> tuple[nn.Module, Row]:
        """A narrow network, trained whole."""
        began, network = time.process_time(), self.untrained(cell)
        optimizer = whole_network_optimizer(network, recipe, recipe.l2_sp)
        fit(network, optimizer, self.data, recipe, generator_for(cell.seed, "rates"))
        return network, self.row(network, cell, recipe.peak, began)

    def planted(
        self, parent: nn.Module, cell: Cell, recipe: Planting, step: int
    ) -> tuple[nn.Module, Row]:
        """A parent planted in all groups up to a fraction of the teacher's widths, and trained."""
        began, example = time.process_time(), self.data.example
        structure = analyse(parent, example)
        widths = self.donor.structure.fraction_of_widths(cell.fraction, minimum=2)
        planting = {name: width - structure.groups[name].width for name, width in widths.items()}
        fill = ROWS.find(recipe.rows)
        initialisation = Initialisation(fill, recipe.column_init, self.donor)
        network = plant(
            parent, example, planting, initialisation=initialisation, structure=structure
        )
        masks = planted_entries(structure, parent, planting)
        wider = structure.with_widths(planted_widths(structure, planting))
        child = Child(network, masks, classifier_tensors(structure), "parent", wider)
        generator = generator_for(cell.seed, "rates", step)
        train_planted(child, self.data, recipe, FeatureCache(0), generator)
        return network, self.row(network, cell, recipe.peak, began)

    def row(self, network: nn.Module, cell: Cell, rate: float, began: float) -> Row:
        """What the network achieves now, and the seconds since its training began."""
        seconds, measured = time.process_time() - began, validate(network.eval(), self.data)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        return Row(cell, rate, measured.loss, 100 * measured.accuracy, parameters, seconds)


def opened(name: str, directory: Path, epochs: int) -> Bench:
    """The bench of a network, whose teacher is trained if none is kept."""
    config = load_study(STUDY).model_copy(update={"search_space": SPACES[name]})
    data = by_labels(config)
    path = directory / f"{name}-{epochs}.pt"
    if not path.exists():
        keep_teacher(path, config, data, epochs)
    kept = torch.load(path)
    teacher = untrained_teacher(config, data).eval()
    teacher.load_state_dict(kept["weights"])
    donor = Donor(teacher, analyse(teacher, data.example))
    sampled = teacher_samples(donor, data.inputs, MEMORY, generator_for(0, "samples"))
    (shown,) = data.inputs.batch(sampled.views, sampled.indices)
    distilled = TrainingData(
        data.inputs,
        data.targets._replace(teacher_logits=kept["logits"]),
        data.validation_inputs,
        data.validation_targets._replace(teacher_logits=kept["validation_logits"]),
        DistillationLoss(temperature=4.0, label_weight=0.1),
    )
    return Bench(donor._replace(samples=Samples(shown, sampled.outputs)), distilled)


def by_labels(config: StudyConfig) -> TrainingData:
    """The study's images, as its teacher learns them."""
    dataset = dataset_of(config)
    return TrainingData(
        augmented_inputs(dataset, config.data, derived_seed(config.random_seed, "views")),
        Targets(dataset.train.labels),
        image_inputs(dataset.validation, dataset),
        Targets(dataset.validation.labels),
        cross_entropy,
    )


def untrained_teacher(config: StudyConfig, data: TrainingData) -> nn.Module:
    """The architecture at its own widths."""
    space, channels = config.search_space, data.example.shape[1]
    return build_network(space.architecture, 10, channels, space.arguments, config.random_seed)


def keep_teacher(path: Path, config: StudyConfig, data: TrainingData, epochs: int) -> None:
    """Trains the teacher and writes it, with its logits."""
    network, recipe = untrained_teacher(config, data), TeacherRecipe(epochs=epochs)
    optimizer = whole_network_optimizer(network, recipe)
    fit(network, optimizer, data, recipe, generator_for(config.random_seed, "teacher"))
    network = largest_first(network, analyse(network, data.example)).eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "weights": network.state_dict(),
        "logits": teacher_logits(network, data.inputs),
        "validation_logits": teacher_logits(network, data.validation_inputs),
    }
    torch.save(kept, path)


def wholes(bench: Bench, given: argparse.Namespace) -> Iterator[Row]:
    """Narrow networks of every start, size and length, at each rate."""
    asked = product(given.starts, given.fractions, given.epochs, given.warmup, given.seeds)
    for cell, rate in product(map(Cell._make, asked), given.rates):
        recipe = SeedRecipe(
            start="fresh", epochs=cell.epochs, warmup=cell.warmup, learning_rate=rate
        )
        yield bench.whole(cell, recipe)[1]


def lineages(bench: Bench, given: argparse.Namespace) -> Iterator[Row]:
    """A seed of every start, and its two descendants at each rate."""
    first, *others = given.fractions
    for start, warmup, seed in product(given.starts, given.warmup, given.seeds):
        cell = Cell(start, first, LINEAGE_EPOCHS, warmup, seed)
        common = {"epochs": LINEAGE_EPOCHS, "warmup": warmup}
        recipe = SeedRecipe(start=start, learning_rate=given.seed_rate, **common)
        network, row = bench.whole(cell, recipe)
        yield row
        for rate in given.rates:
            parent, planting = network, Planting(rows=start, learning_rate=rate, **common)
            for step, fraction in enumerate(others, start=1):
                recipe = planting.for_step(step, len(others))
                planted = cell._replace(fraction=fraction, epochs=recipe.epochs)
                parent, row = bench.planted(parent, planted, recipe, step)
                yield row


COLUMNS = {
    "start": "<8", "parameters": ">10", "epochs": ">6", "warm-up": ">7", "seed": ">4",
    "rate": ">6", "KD loss": ">7", "accuracy %": ">10", "seconds": ">7",
}  # fmt: skip


def cells(row: Row) -> Iterator[object]:
    """A row of the table."""
    start, _, epochs, warmup, seed = row.cell
    yield from (start, f"{row.parameters:,}", epochs, f"{warmup:g}", seed, f"{row.rate:g}")
    yield from (f"{row.loss:.3f}", f"{row.accuracy:.2f}", f"{row.seconds:.1f}")


def regrets(rows: Iterable[Row], rates: Sequence[float]) -> Iterator[str]:
    """A line a cell: how much more loss each rate gives than the best, in per cent."""
    columns = dict(list(COLUMNS.items())[:5]) | {f"{rate:g}": ">6" for rate in rates}
    yield heading(columns)
    for same in grouped((row.cell, row) for row in rows).values():
        best = min(row.loss for row in same)
        shown = [f"{100 * (row.loss / best - 1):.0f}" for row in same]
        yield line(columns, [*list(cells(same[0]))[:5], *shown])


def main() -> None:
    """Prints a line a network, and last how much more loss each rate gives than the best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=FRACTIONS)
    parser.add_argument("--network", choices=SPACES, default="plain")
    parser.add_argument("--fractions", nargs="+", type=float)
    parser.add_argument("--starts", nargs="+", default=["fresh", "teacher", "fitted"])
    parser.add_argument("--epochs", nargs="+", type=int, default=[1, 3, 6])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.005, 0.01, 0.02, 0.04])
    parser.add_argument("--seed-rate", type=float, default=0.02)
    parser.add_argument("--warmup", nargs="+", type=float, default=[0.25])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--teacher-epochs", type=int, default=6)
    parser.add_argument("--directory", type=Path, default=Path("plantnas-studies/rates"))
    given = parser.parse_args()
    given.fractions = given.fractions or FRACTIONS[given.what]
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread")
    bench = opened(given.network, given.directory, given.teacher_epochs)
    taught = validate(bench.donor.network, bench.data)
    print(f"{given.network}'s teacher: {100 * taught.accuracy:.2f} %")
    print(heading(COLUMNS), flush=True)
    rows = list[Row]()
    for row in {"wholes": wholes, "lineages": lineages}[given.what](bench, given):
        rows.append(row)
        print(line(COLUMNS, cells(row)), flush=True)
    if given.what == "wholes":
        print("Loss above the best rate's, in per cent", *regrets(rows, given.rates), sep="\n")


if __name__ == "__main__":
    main()
