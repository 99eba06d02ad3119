"""What a narrow network starts from: its teacher's channels as they are, or fitted to the teacher.

A teacher is trained on Fashion-MNIST by labels. Narrow networks of it, at a fraction of its widths,
start from

  slice        the teacher's first channels, the largest, as they are
  refitted     these, with BatchNorm statistics of their own and the classifier fitted to the logits
  closed form  all layers fitted to the teacher's outputs (`seed.start: fitted`)

and are trained by distillation, for several numbers of epochs, each with its own schedule, at each
learning rate. Loss and accuracy are on the validation split; the closed form sees 500 training
images. Seconds are CPU seconds of one thread: of the start, with the teacher's part that a study
does once in brackets, and of one epoch.

Usage: python benchmarks/start.py [--networks plain resnet20 mobilenet_v2 efficientnet_b0]
           [--fractions 0.125 0.25] [--epochs 1 3 6] [--rates 0.02 0.005] [--teacher-epochs 6]
           [--train 10000]
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/start.py`

from benchmarks.common import SPACES, heading, line
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fitted, teacher
from plantnas.channels.initialising import Donor, Grown, Samples
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import narrow
from plantnas.channels.reconstruction import reconstruct
from plantnas.channels.shrinking import shrunk
from plantnas.channels.structure import classifier_tensors
from plantnas.config import Data, SeedRecipe, TeacherRecipe
from plantnas.measured import Evaluation
from plantnas.networks.loader import build_network
from plantnas.search_space import SearchSpace
from plantnas.training.data import load_dataset
from plantnas.training.fitting import TrainingData, fit, validate
from plantnas.training.logits import teacher_logits
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.samples import teacher_samples
from plantnas.training.seeds import generator_for
from plantnas.training.views import augmented_inputs, image_inputs

NETWORKS = SPACES | {
    name: SearchSpace(architecture=f"torchvision/{name}")
    for name in ("mobilenet_v2", "efficientnet_b0")
}
TEACHER_WIDTH = {"mobilenet_v2": 0.5, "efficientnet_b0": 0.5}
"""Of the architecture's: torchvision's networks are wide for images of 28 x 28 pixels."""
MEMORY = 2**29
SEED = 0
COLUMNS = {
    "network": "<16", "of widths": ">9", "parameters": ">10", "start": "<11", "rate": ">6",
    "epochs": ">6", "KD loss": ">7", "accuracy %": ">10", "start s": ">13", "epoch s": ">8",
}  # fmt: skip

Start = Callable[[Grown], object]


@dataclass(frozen=True)
class Bench:
    """A trained teacher, and what networks learn from it."""

    donor: Donor
    data: TrainingData
    samples_seconds: float


class Row(NamedTuple):
    """A network, before or after a training."""

    start: str
    rate: float | None
    epochs: int
    measured: Evaluation
    seconds: float
    epoch_seconds: float | None


def bench(network: str, images: int, epochs: int) -> Bench:
    """The teacher, its logits on all images and its samples."""
    space = NETWORKS[network]
    channels = 3 if space.architecture.startswith("torchvision/") else 1
    settings = Data(name="fashion-mnist", train=images, validation=3000, channels=channels)
    dataset = load_dataset(settings, SEED)
    inputs, validation = (
        augmented_inputs(dataset, settings, SEED),
        image_inputs(dataset.validation, dataset),
    )
    labels, validation_labels = Targets(dataset.train.labels), Targets(dataset.validation.labels)
    by_label = TrainingData(inputs, labels, validation, validation_labels, cross_entropy)
    wide = narrow(
        build_network(space.architecture, dataset.num_classes, channels, space.arguments, SEED),
        by_label.example,
        TEACHER_WIDTH.get(network, 1.0),
        torch.Generator().manual_seed(SEED),
    )
    trained(wide, by_label, TeacherRecipe(epochs=epochs))
    structure = analyse(wide, by_label.example)
    donor = Donor(largest_first(wide, structure).eval(), structure)
    start = time.process_time()
    sampled = teacher_samples(donor, inputs, MEMORY, generator_for(SEED, "samples"))
    seconds = time.process_time() - start
    (shown,) = inputs.batch(sampled.views, sampled.indices)
    data = TrainingData(
        inputs,
        labels._replace(teacher_logits=teacher_logits(donor.network, inputs)),
        validation,
        validation_labels._replace(teacher_logits=teacher_logits(donor.network, validation)),
        DistillationLoss(temperature=4.0, label_weight=0.1),
    )
    return Bench(donor._replace(samples=Samples(shown, sampled.outputs)), data, seconds)


def trained(
    network: nn.Module, data: TrainingData, recipe: SeedRecipe | TeacherRecipe
) -> tuple[Evaluation, float]:
    """What the network achieves after its training, and the CPU seconds of an epoch."""
    start = time.process_time()
    fit(network, whole_network_optimizer(network, recipe), data, recipe, generator_for(SEED, "fit"))
    seconds = time.process_time() - start
    network.eval()
    return validate(network, data), seconds / recipe.epochs


def refit(grown: Grown) -> None:
    """The teacher's channels as they are, with BatchNorms and classifier of the network's own."""
    teacher.fill(grown)
    owners = {name.rpartition(".")[0] for name in grown.changed if name.endswith("running_var")}
    kept = {
        name: new
        for name, new in grown.changed.items()
        if name.rpartition(".")[0] in owners or name in classifier_tensors(grown.structure)
    }
    reconstruct(replace(grown, changed=kept))


STARTS: dict[str, Start] = {"slice": teacher.fill, "refitted": refit, "closed form": fitted.fill}


def rows(
    given: Bench, fraction: float, epochs: Sequence[int], rates: Sequence[float]
) -> Iterator[Row]:
    """Every start, untrained and after each training."""
    data, widths = given.data, given.donor.structure.fraction_of_widths(fraction, minimum=2)
    for name, start in STARTS.items():
        began = time.process_time()
        network = shrunk(given.donor, widths, start).eval()
        seconds = time.process_time() - began
        yield Row(name, None, 0, validate(network, data), seconds, None)
        for rate, each in product(rates, epochs):
            network = shrunk(given.donor, widths, start).eval()
            recipe = SeedRecipe(start="fitted", learning_rate=rate, epochs=each)
            measured, epoch_seconds = trained(network, data, recipe)
            yield Row(name, rate, each, measured, seconds, epoch_seconds)


def cells(network: str, fraction: float, parameters: int, row: Row, once: float) -> list[str]:
    """A row of the table."""
    measured, epoch_seconds = row.measured, row.epoch_seconds
    seconds = f"{row.seconds:.2f}" if row.start == "slice" else f"{row.seconds:.2f} ({once:.2f})"
    return [
        network,
        f"{fraction:g}",
        f"{parameters:,}",
        row.start,
        "" if row.rate is None else f"{row.rate:g}",
        str(row.epochs),
        f"{measured.loss:.3f}",
        f"{100 * measured.accuracy:.2f}",
        seconds,
        "" if epoch_seconds is None else f"{epoch_seconds:.1f}",
    ]


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--fractions", nargs="+", type=float, default=[0.125, 0.25])
    parser.add_argument("--epochs", nargs="*", type=int, default=[1, 3, 6])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.02, 0.005])
    parser.add_argument("--teacher-epochs", type=int, default=6)
    parser.add_argument("--train", type=int, default=10_000)
    return parser.parse_args()


def main() -> None:
    """Prints a line a network, and last how long the closed form takes."""
    options = arguments()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread")
    shares = list[str]()
    print(heading(COLUMNS), flush=True)
    for network in options.networks:
        given = bench(network, options.train, options.teacher_epochs)
        whole, once = given.donor.structure, given.samples_seconds
        print(f"{network}'s teacher: {whole.parameters():,} parameters, ", end="")
        print(f"{100 * validate(given.donor.network, given.data).accuracy:.2f} %")
        for fraction in options.fractions:
            parameters = whole.parameters(whole.fraction_of_widths(fraction, minimum=2))
            for row in rows(given, fraction, options.epochs, options.rates):
                shown = cells(network, fraction, parameters, row, once)
                print(line(COLUMNS, shown), flush=True)
                if row.start == "closed form" and row.epoch_seconds is None:
                    shares.append(f"{network} {fraction:g}: {row.seconds:.2f}")
    print(f"CPU seconds of a closed form: {', '.join(shares)}")


if __name__ == "__main__":
    main()
