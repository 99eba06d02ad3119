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

Where wiring is triangular, new channels are seen by new ones alone: a planting in the first group
goes with one granule in each group behind it, so that it reaches the outputs; the users' loops
train the same child as an ordinary network whose left-out entries get no gradient; and `prefix` is
the old part, whose features are kept where they fit.

Each run trains on `--images` images for `--epochs` epochs; seconds are those of the processor, of
this process and of its loader's, for one epoch, scaled to the data set's images, as is the memory
limit of the features. Losses are on validation images.

Usage: python benchmarks/trial_cost.py [--images 2000] [--epochs 1] [--repeats 3]
                                       [--networks plain resnet20] [--data fashion-mnist random]
                                       [--wirings dense triangular] [--precision auto|float32]
"""

import argparse
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/trial_cost.py`

from benchmarks.common import SPACES, heading, line
from benchmarks.trial_bench import (
    FULL,
    RECIPE,
    WIRINGS,
    Bench,
    bench,
    clock,
    generator,
    limit,
    planted_child,
    plantings,
    trained_masks,
)
from plantnas.channels.planting import planted_entries, planted_widths
from plantnas.channels.structure import classifier_tensors
from plantnas.training import fitting, phases
from plantnas.training import planted as engine
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, learning_rate_at, validate
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.planted import Child, train_planted
from plantnas.training.prefix import Cut
from plantnas.training.views import Inputs

MEMORY = 2e9
"""Bytes of features of the full data set, as a study's default."""

COLUMNS = {
    "planting": "<10", "naive": ">13", "cached": ">13", "plantnas": ">13", "prefix": ">6",
    "limit": ">6", "x naive": ">7", "x cached": ">8",
}  # fmt: skip
Switch = AbstractContextManager[object]
"""While it lasts, plantnas works without one of its techniques."""


class Run(NamedTuple):
    """One training."""

    seconds: float
    loss: float
    prefix: float = 0.0


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
    start = clock()
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
    return result(bench, child, clock() - start, epochs)


def run_plantnas(bench: Bench, planting: dict[str, int], epochs: int) -> Run:
    """What a trial does."""
    child = planted_child(bench, planting)
    masks = planted_entries(bench.structure, bench.parent, planting)
    wider = bench.structure.with_widths(planted_widths(bench.structure, planting))
    with patch.object(phases, "time", SimpleNamespace(perf_counter=clock)):
        training = train_planted(
            Child(child, masks, classifier_tensors(bench.structure), "parent", wider),
            bench.data,
            RECIPE.model_copy(update={"epochs": epochs}),
            FeatureCache(MEMORY / bench.scale),
            generator(),
        )
    seconds = training.seconds["training"]
    return result(bench, child, seconds, epochs, training.seconds["prefix"])


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
def in_float32() -> Iterator[None]:
    """Trains as on a machine without matrix units for bfloat16."""
    with (
        patch.object(fitting, "mixed_precision", lambda *_: nullcontext()),
        patch.object(engine, "mixed_precision", lambda *_: nullcontext()),
    ):
        yield


SWITCHES: dict[str, Callable[[Bench], Switch]] = {
    "without cached logits": teacher_in_the_loop,
    "without bfloat16": lambda bench: in_float32(),
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
OF_TRIANGULAR: dict[str, Callable[[Bench], Switch]] = {
    **{
        name: SWITCHES[name]
        for name in ("without cached logits", "without bfloat16", "without cached features")
    },
    "without taking it apart": without(engine, "apart", lambda *_: None),
}


def best(run: Callable[[], Run], repeats: int) -> Run:
    """The fastest of some runs."""
    return min((run() for _ in range(repeats)), key=lambda each: each.seconds)


def measure(
    network: str, data: str, wiring: str, arguments: argparse.Namespace
) -> list[tuple[float, float]]:
    """Prints a table; plantnas's advantage over both loops for each place."""
    made, epochs = bench(network, data, wiring, arguments.images), arguments.epochs
    ratios: list[tuple[float, float]] = []
    switches = SWITCHES if wiring == "dense" else OF_TRIANGULAR
    if arguments.precision == "float32":
        switches = {name: each for name, each in switches.items() if "bfloat16" not in name}
    slower: dict[str, list[float]] = {name: [] for name in switches}
    print(
        f"\n{network}, wiring {wiring}, {FULL[data]} images of {data}: "
        "seconds of an epoch, and validation loss"
    )
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
        for name, switch in switches.items():
            with switch(made):
                run = best(partial(run_plantnas, made, planting, epochs), arguments.repeats)
            slower[name].append(run.seconds / ours.seconds)
    for name, factors in slower.items():
        print(f"  {name:28} x " + "  ".join(f"{factor:5.2f}" for factor in factors))
    return ratios


def main() -> None:
    """Measures all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--networks", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--data", nargs="+", choices=FULL, default=list(FULL))
    parser.add_argument("--wirings", nargs="+", choices=WIRINGS, default=list(WIRINGS))
    parser.add_argument("--precision", choices=["auto", "float32"], default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, 1 thread, torch {torch.__version__}; {arguments.images} images, "
        f"batches of {RECIPE.batch_size}; factors are beginning, middle, end, everywhere"
    )
    for wiring in arguments.wirings:
        with in_float32() if arguments.precision == "float32" else nullcontext():
            ratios = [
                ratio
                for network in arguments.networks
                for data in arguments.data
                for ratio in measure(network, data, wiring, arguments)
            ]
        naive, cached = (statistics.median(column) for column in zip(*ratios, strict=True))
        print(
            f"median trial, wiring {wiring}: {naive:.1f} x cheaper than naive, "
            f"{cached:.1f} x than cached logits"
        )


if __name__ == "__main__":
    main()
