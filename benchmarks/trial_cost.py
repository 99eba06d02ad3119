"""What a trial costs: plantnas against the loops that a PyTorch user would write.

For each network, data set and place of the planting it trains the same planting of the same parent
by the same recipe, three times:
  naive     a DataLoader with a worker, the teacher's forward for each batch, the whole student's
            forward and backward in the framework's defaults, the gradients of the earlier
            parameters set to zero
  cached    the same, with the teacher's logits computed before
  plantnas  `train_planted`, as a study calls it, in bfloat16 where the processor has matrix
            units for it. The frozen prefix's features are computed once a parent, so they are not
            in its time; their own seconds are in the column `prefix`
and then plantnas with one technique at a time switched off. The column `limit` is what the
mathematics needs: forward of the layers behind the prefix, the gradient of their inputs behind the
first planted layer and of the planted share of their weights, at the rate at which this machine
computes a forward of each of these layers alone, in float32.

Each run trains on `--images` images for `--epochs` epochs; seconds are of one epoch, scaled to the
data set's images, as is the memory limit of the features. Losses are on validation images.

Usage: python benchmarks/trial_cost.py [--images 2000] [--epochs 1] [--repeats 3]
                                       [--networks plain resnet20] [--data fashion-mnist random]
"""

import argparse
import platform
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/trial_cost.py`

from benchmarks.common import SPACES, heading, line
from plantnas.channels.groups import analyse
from plantnas.channels.planting import plant, planted_entries, planted_widths
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.config import Data, Planting, Recipe, SearchSpace
from plantnas.records.building import example_images, network_at
from plantnas.records.record import ImagesRecord
from plantnas.training import data as data_sets
from plantnas.training import fitting
from plantnas.training import planted as engine
from plantnas.training.data import load_dataset
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, fit, learning_rate_at, validate
from plantnas.training.images import Images
from plantnas.training.logits import teacher_logits
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.planted import Child, train_planted
from plantnas.training.prefix import Cut, cut_before
from plantnas.training.views import Inputs, augmented_inputs, image_inputs

PARENT_WIDTH = 0.25
"""Of the architecture's: a parent in the middle of a study."""
FULL = {"fashion-mnist": 10_000, "random": 50_000}
"""Training images of each data set."""
MEMORY = 2e9
"""Bytes of features of the full data set, as a study's default."""
RECIPE = Planting(learning_rate=0.005, row_rate=1)

COLUMNS = {
    "planting": "<10", "naive": ">13", "cached": ">13", "plantnas": ">13", "prefix": ">6",
    "limit": ">6", "x naive": ">7", "x cached": ">8",
}  # fmt: skip
Switch = AbstractContextManager[object]
"""While it lasts, plantnas works without one of its techniques."""


@dataclass(frozen=True)
class Bench:
    """A parent, its teacher and the data, ready for trials."""

    space: SearchSpace
    shape: ImagesRecord
    teacher: nn.Module
    parent: nn.Module
    structure: Structure
    data: TrainingData
    scale: float


class Run(NamedTuple):
    """One training."""

    seconds: float
    loss: float
    prefix: float = 0.0


def random_dataset(images: int) -> data_sets.Dataset:
    """Noise of 32 x 32 x 3 with random labels: only its cost is of interest."""
    generator = torch.Generator().manual_seed(0)

    def drawn(number: int) -> Images:
        pixels = torch.randint(256, (number, 3, 32, 32), dtype=torch.uint8, generator=generator)
        return Images(pixels, torch.randint(10, (number,), generator=generator))

    level = torch.full((3,), 127.5)
    return data_sets.Dataset(drawn(images), drawn(500), 10, level, level / 2, "random")


def bench(network: str, data: str, images: int) -> Bench:
    """Teacher and parent, each trained for one epoch, and the teacher's logits."""
    settings = Data(name="fashion-mnist", train=images, validation=500)
    dataset = random_dataset(images) if data == "random" else load_dataset(settings, 0)
    height, width = dataset.train.pixels.shape[-2:]
    shape = ImagesRecord(10, dataset.channels, height, width, [], [], dataset.fingerprint)
    space, inputs = SPACES[network], augmented_inputs(dataset, settings, 0)
    validation = image_inputs(dataset.validation, dataset)
    labels = Targets(dataset.train.labels), Targets(dataset.validation.labels)
    plain = TrainingData(inputs, labels[0], validation, labels[1], cross_entropy)
    teacher = trained(network_at(space, shape, {}), plain)
    targets = Targets(labels[0].labels, teacher_logits(teacher, inputs))
    validation_targets = Targets(labels[1].labels, teacher_logits(teacher, validation))
    loss = DistillationLoss(temperature=4.0, label_weight=0.1)
    distilled = TrainingData(inputs, targets, validation, validation_targets, loss)
    example = example_images(shape)
    whole = analyse(teacher, example)
    widths = {name: round(PARENT_WIDTH * group.width) for name, group in whole.growable.items()}
    parent = trained(network_at(space, shape, widths), distilled)
    structure = analyse(parent, example)
    return Bench(space, shape, teacher, parent, structure, distilled, FULL[data] / images)


def trained(network: nn.Module, training_data: TrainingData) -> nn.Module:
    """One epoch, so that losses are of networks that have learnt something."""
    recipe = Recipe(learning_rate=0.005, epochs=1)
    fit(network, whole_network_optimizer(network, recipe), training_data, recipe, _generator())
    return network.eval()


def plantings(structure: Structure) -> dict[str, dict[str, int]]:
    """Half as many channels more in one group, a quarter more in all."""
    groups = list(structure.growable.values())
    places = {"beginning": groups[0], "middle": groups[len(groups) // 2], "end": groups[-1]}
    single = {place: {group.name: group.width // 2} for place, group in places.items()}
    return {**single, "everywhere": {group.name: group.width // 4 for group in groups}}


class Views(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The normalised images in a random view each, as a user's data set would give them."""

    def __init__(self, training_data: TrainingData) -> None:
        self._data = training_data

    def __len__(self) -> int:
        return self._data.inputs.images

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        view, row = torch.randint(self._data.inputs.views, (1,)), torch.tensor([index])
        (image,) = self._data.inputs.batch(view, row)
        labels, logits = self._data.targets.batch(view, row)
        assert logits is not None
        return image[0].contiguous(), labels[0], logits[0]


def run_users_loop(bench: Bench, planting: dict[str, int], epochs: int, cached_logits: bool) -> Run:
    """The loop of a PyTorch user, with or without the teacher's forward in it."""
    child = planted_child(bench, planting)
    masks = trained_masks(bench, planting)
    parameters = dict(child.named_parameters())
    optimizer = torch.optim.Adam(parameters.values(), lr=RECIPE.peak, betas=RECIPE.betas)
    loader = DataLoader(Views(bench.data), RECIPE.batch_size, shuffle=True, num_workers=1)
    teacher = deepcopy(bench.teacher).to(memory_format=torch.contiguous_format)
    start = time.perf_counter()
    for epoch in range(epochs):
        child.train()
        for number, (images, labels, logits) in enumerate(loader, start=1):
            progress = (epoch + number / len(loader)) / epochs
            optimizer.param_groups[0]["lr"] = learning_rate_at(RECIPE, progress)
            if not cached_logits:
                with torch.no_grad():
                    logits = teacher(images)
            loss = bench.data.loss(child(images), labels, logits)
            optimizer.zero_grad()
            loss.backward()
            for name, parameter in parameters.items():
                assert parameter.grad is not None
                parameter.grad *= masks.get(name, 0)
            optimizer.step()
        evaluate_child(bench, child)
    return result(bench, child, time.perf_counter() - start, epochs)


def run_plantnas(bench: Bench, planting: dict[str, int], epochs: int) -> Run:
    """What a trial does."""
    child = planted_child(bench, planting)
    masks = planted_entries(bench.structure, bench.parent, planting)
    wider = bench.structure.with_widths(planted_widths(bench.structure, planting))
    training = train_planted(
        Child(child, masks, classifier_tensors(bench.structure), "parent", wider),
        bench.data,
        RECIPE.model_copy(update={"epochs": epochs}),
        FeatureCache(MEMORY / bench.scale),
        _generator(),
    )
    seconds = training.seconds["training"]
    return result(bench, child, seconds, epochs, training.seconds["prefix"])


def planted_child(bench: Bench, planting: dict[str, int]) -> nn.Module:
    """The same child in every run."""
    example = example_images(bench.shape)
    return plant(bench.parent, example, planting, _generator(), structure=bench.structure)


def trained_masks(bench: Bench, planting: dict[str, int]) -> dict[str, Tensor]:
    """The entries that are trained: planted ones and the classifier."""
    masks = dict(planted_entries(bench.structure, bench.parent, planting))
    state = planted_child(bench, planting).state_dict()
    for name in classifier_tensors(bench.structure):
        masks[name] = torch.ones_like(state[name], dtype=torch.bool)
    return masks


def evaluate_child(bench: Bench, child: nn.Module) -> float:
    """The loss on validation, as after each epoch of a trial."""
    return validate(child, bench.data).loss


def result(bench: Bench, child: nn.Module, seconds: float, epochs: int, prefix: float = 0) -> Run:
    """Seconds of an epoch of the whole data set, and the loss on validation."""
    return Run(seconds / epochs * bench.scale, evaluate_child(bench, child), prefix * bench.scale)


def teacher_in_the_loop(bench: Bench) -> Switch:
    """Computes the teacher's logits for each batch, beside what the engine does."""
    images = next(bench.data.inputs.in_order(0, RECIPE.batch_size))
    original = DistillationLoss.__call__

    def with_forward(self: DistillationLoss, *arguments: Any) -> Tensor:
        with torch.no_grad():
            bench.teacher(*images)
        return original(self, *arguments)

    return patch.object(DistillationLoss, "__call__", with_forward)


def batches_by_loader(bench: Bench) -> Switch:
    """Gathers a batch image by image, as a DataLoader's worker does, in the same process."""
    original = Inputs.batch

    def one_by_one(self: Inputs, views: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
        pairs = zip(views.split(1), indices.split(1), strict=True)
        images = [original(self, view, index) for view, index in pairs]
        return tuple(torch.cat(parts) for parts in zip(*images, strict=True))

    return patch.object(Inputs, "batch", one_by_one)


def all_entries(child: Child, *_: object) -> dict[str, Tensor]:
    """Computes the gradient of every parameter behind the prefix (and trains them all)."""
    return {name: torch.ones_like(each) > 0 for name, each in child.network.named_parameters()}


def without(owner: object, name: str, instead: Callable[..., object]) -> Callable[[Bench], Switch]:
    """Replaces a function of the engine."""
    return lambda bench: patch.object(owner, name, instead)


@contextmanager
def in_float32(bench: Bench) -> Iterator[None]:
    """Trains as on a machine without matrix units for bfloat16."""
    with (
        patch.object(fitting, "mixed_precision", lambda *_: nullcontext()),
        patch.object(engine, "mixed_precision", lambda *_: nullcontext()),
    ):
        yield


SWITCHES: dict[str, Callable[[Bench], Switch]] = {
    "without cached logits": teacher_in_the_loop,
    "without bfloat16": in_float32,
    "without cached features": without(FeatureCache, "features", lambda *_: None),
    "without a frozen prefix": without(
        engine, "cut_before", lambda whole, *_: Cut(None, whole, ())
    ),
    "without frozen parameters": without(engine, "_trained", all_entries),
    "without sliced gradients": without(engine, "sliced_gradients", lambda *_: nullcontext()),
    "without channels_last": without(
        Inputs, "_fed", lambda *given, fed=Inputs._fed: fed(*given).contiguous()
    ),
    "without batches by index": batches_by_loader,
}


def limit(bench: Bench, planting: dict[str, int]) -> float:
    """Seconds that the needed floating-point operations of an epoch take at forward's rate."""
    child = planted_child(bench, planting)
    masks = trained_masks(bench, planting)
    cut = cut_before(
        child,
        planted_entries(bench.structure, bench.parent, planting).keys(),
        example_images(bench.shape),
    )
    first = next(bench.data.inputs.in_order(0, RECIPE.batch_size))
    features = first if cut.prefix is None else cut.prefix(*first)
    calls: list[tuple[str, nn.Module, Tensor]] = []
    names = {module: name for name, module in child.named_modules()}
    hooks = [
        module.register_forward_hook(lambda m, args, out: calls.append((names[m], m, args[0])))
        for module in child.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        cut.suffix(*features)
    for hook in hooks:
        hook.remove()
    seconds = 0.0
    for number, (name, module, inputs) in enumerate(calls):
        mask = masks.get(f"{name}.weight")
        share = 0.0 if mask is None else mask.float().mean().item()
        seconds += forward_seconds(module, inputs) * (1 + (number > 0) + share)
    batches = bench.data.inputs.images / RECIPE.batch_size
    return seconds * batches * bench.scale


@torch.no_grad()
def forward_seconds(module: nn.Module, inputs: Tensor) -> float:
    """The median of a layer alone."""
    return statistics.median(timeit.repeat(lambda: module(inputs), number=1, repeat=12))


def best(run: Callable[[], Run], repeats: int) -> Run:
    """The fastest of some runs."""
    return min((run() for _ in range(repeats)), key=lambda each: each.seconds)


def measure(network: str, data: str, arguments: argparse.Namespace) -> list[tuple[float, float]]:
    """Prints a table; plantnas's advantage over both loops for each place."""
    made, epochs = bench(network, data, arguments.images), arguments.epochs
    ratios: list[tuple[float, float]] = []
    slower: dict[str, list[float]] = {name: [] for name in SWITCHES}
    print(f"\n{network}, {FULL[data]} images of {data}: seconds of an epoch, and validation loss")
    print(heading(COLUMNS))
    for place, planting in plantings(made.structure).items():
        naive = run_users_loop(made, planting, epochs, cached_logits=False)
        cached = run_users_loop(made, planting, epochs, cached_logits=True)
        ours = best(partial(run_plantnas, made, planting, epochs), arguments.repeats)
        shown = (f"{run.seconds:.2f} {run.loss:6.3f}" for run in (naive, cached, ours))
        ratio = naive.seconds / ours.seconds, cached.seconds / ours.seconds
        ratios.append(ratio)
        numbers = f"{ours.prefix:.2f}", f"{limit(made, planting):.2f}", *(f"{x:.1f}" for x in ratio)
        print(line(COLUMNS, (place, *shown, *numbers)), flush=True)
        for name, switch in SWITCHES.items():
            with switch(made):
                run = best(partial(run_plantnas, made, planting, epochs), arguments.repeats)
            slower[name].append(run.seconds / ours.seconds)
    for name, factors in slower.items():
        print(f"  {name:28} x " + "  ".join(f"{factor:5.2f}" for factor in factors))
    return ratios


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def main() -> None:
    """Measures all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--networks", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--data", nargs="+", choices=FULL, default=list(FULL))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, 1 thread, torch {torch.__version__}; {arguments.images} images, "
        f"batches of {RECIPE.batch_size}; factors are beginning, middle, end, everywhere"
    )
    ratios = [
        ratio
        for network in arguments.networks
        for data in arguments.data
        for ratio in measure(network, data, arguments)
    ]
    naive, cached = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"median trial: {naive:.1f} x cheaper than naive, {cached:.1f} x than cached logits")


if __name__ == "__main__":
    main()
