"""One growth step: plantnas against gromo, which computes the new neurons instead of learning them.

gromo (https://github.com/growingnet/gromo) grows a layer by the neurons that are best to first
order (Verbockhaven et al. 2024, "Growing Tiny Networks", TMLR): a pass over the data collects
second moments of activations and gradients, a singular value decomposition gives incoming and
outgoing weights, and a line search their scale. plantnas plants channels of random incoming weights
and trains them for some epochs: them, the classifier, and BatchNorm's statistics.

Both start from the same function, that of a plain chain of 3x3 convolutions with BatchNorm: the
seed of the study fashion-mnist at a quarter of the teacher's widths. Both add channels to the same
layer, on the same images in batches of the same size, for the same loss: distillation from the
study's teacher. Losses and accuracies are on validation images. gromo has its documentation's
settings for the paper, in both kinds of its convolution, but adds the number of neurons that is
asked for, however small their singular values. What is not comparable is printed too.

Usage: python benchmarks/against_gromo.py [--images 2000] [--channels 8] [--epochs 2 8]
                                          [--group features.7] [--rate 0.005] [--directory DIR]
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import optuna
import torch
from torch import Tensor, nn

from plantnas.channels.planting import plant, planted_entries
from plantnas.channels.structure import classifier_tensors
from plantnas.config_files import load_study, with_overrides
from plantnas.search.objective import PlantingObjective
from plantnas.search.prepared import Parent, PreparedStudy, all_widths
from plantnas.training.evaluation import Metrics
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import fit
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.planted import train_planted
from plantnas.training.seeds import generator_for
from plantnas.trials.storage import sqlite_url
from plantnas.trials.study import open_study

Kind = Literal["restricted", "full"]
"""Of gromo's convolutions: their new outgoing weights are 1x1 or as large as the kernel."""

GROUPS = ("features.0", "features.7", "features.14")
"""The first convolution of each stage: gromo's VGG grows within stages alone."""
SCALES = tuple(2 ** (half / 2) for half in range(-4, 15))
"""Tried for gromo's new weights; the line search in its utilities tries at least two hundred."""
SEARCH_IMAGES = 500
"""Training images on which the scale is chosen."""
NOT_COMPARABLE = """Not comparable:
  gromo's neurons are the best to first order, meant to be trained with all others afterwards;
    plantnas's are trained already, with the classifier and BatchNorm's statistics, and the parent's
    convolutions are as they were; training all of gromo's network changes those
  all of gromo's network is trained at its own learning rate, --rate, by the recipe otherwise
  restricted: no more neurons than the next layer has channels, their outgoing weights 1x1
  gromo's convolutions have biases; its statistics see each image once, unmirrored, in float32"""


class Step(NamedTuple):
    """A grown network: new channels, wall time of each phase, metrics on validation images."""

    name: str
    channels: int
    seconds: dict[str, float]
    parameters: int
    metrics: Metrics

    def __str__(self) -> str:
        phases = ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in self.seconds.items())
        return (
            f"{self.name:40}{self.channels:>9}{self.parameters:>11,}{self.metrics.loss:>9.4f}"
            f"{100 * self.metrics.accuracy:>11.2f}{sum(self.seconds.values()):>9.2f}  {phases}"
        )


def gromo_network(study: PreparedStudy, parent: Parent, target: dict[str, int], kind: Kind) -> Any:
    """The parent's function as a VGG of gromo that can grow to the target's widths."""
    from gromo.containers.vgg import VGG
    from gromo.modules import conv2d_growing_module as convolutions

    def stages(sizes: dict[str, int]) -> list[str | int]:
        first, second, third, fourth, fifth, sixth = sizes.values()
        return [first, second, "M", third, fourth, "M", fifth, sixth]

    network = VGG(
        cfg=stages(all_widths(parent.structure)),
        target_cfg=stages(target),
        in_features=1,
        num_classes=10,
        number_of_fc_layers=1,
        input_spatial_shape=(4, 4),  # after two poolings 1 x 1: the classifier sees channel means
        growing_conv_type=getattr(convolutions, f"{kind.title()}Conv2dGrowingModule"),
    )
    for theirs, ours in zip(layers(network), layers(parent.network), strict=True):
        theirs.load_state_dict(ours.state_dict(), strict=ours.bias is not None)  # other biases: 0
    torch.testing.assert_close(network.eval()(study.example), parent.network(study.example))
    return network


def layers(network: nn.Module) -> list[Any]:
    """The layers that have weights, in the order in which they run."""
    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
    return [module for module in network.modules() if isinstance(module, kinds)]


def batches(study: PreparedStudy, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Images, labels and teacher's logits of the training images as they are, in order."""
    labels, logits = study.data.targets.in_order()
    assert logits is not None
    images = (images for (images,) in study.data.inputs.in_order(0, size))
    return zip(images, labels.split(size), logits.split(size), strict=True)


def grow_by_gromo(study: PreparedStudy, network: Any, channels: int) -> dict[str, float]:
    """The growth step of gromo, in place; the seconds of its phases."""
    marks = [time.perf_counter()]
    network.init_computation()
    for images, labels, logits in batches(study, study.config.planting.batch_size):
        network.zero_grad()
        (study.data.loss(network(images), labels, logits) * len(images)).backward()
        network.update_computation()
    marks.append(time.perf_counter())
    network.compute_optimal_updates(
        maximum_added_neurons=channels, statistical_threshold=0.0, compute_delta=False
    )
    network.reset_computation()
    network.select_update(0)
    marks.append(time.perf_counter())
    network.set_scaling_factor(min(SCALES, key=partial(loss_at_scale, study, network)))
    marks.append(time.perf_counter())
    network.apply_change()
    marks.append(time.perf_counter())
    phases = ("statistics", "optimal update", "scale", "applying")
    return {phase: end - start for phase, (start, end) in zip(phases, pairwise(marks), strict=True)}


@torch.no_grad()
def loss_at_scale(study: PreparedStudy, network: Any, scale: float) -> float:
    """The distillation loss with the new neurons at a scale, on the images of the search."""
    network.set_scaling_factor(scale)
    images, labels, logits = next(batches(study, SEARCH_IMAGES))
    return study.data.loss(network.extended_forward(images), labels, logits).item()


def gromo_steps(
    study: PreparedStudy, parent: Parent, given: argparse.Namespace, kind: Kind
) -> Iterator[Step]:
    """The growth step of gromo, and what comes of training the whole network after it."""
    widths = all_widths(parent.structure)
    recipe = study.config.planting.model_copy(update={"learning_rate": given.rate})
    target = widths | {given.group: widths[given.group] + given.channels}
    network = gromo_network(study, parent, target, kind)
    seconds = grow_by_gromo(study, network, given.channels)
    yield step(f"gromo, {kind}", given.group, network, seconds, study)
    for epochs in given.epochs:
        trained, start = deepcopy(network), time.perf_counter()
        optimizer = whole_network_optimizer(trained, recipe)
        fit(trained, optimizer, study.data, recipe, epochs, generator_for(0, "batches"))
        both = seconds | {"training": time.perf_counter() - start}
        name = f"gromo, {kind}, all trained {epochs} epochs"
        yield step(name, given.group, trained, both, study)


def plantnas_steps(
    study: PreparedStudy, parent: Parent, given: argparse.Namespace
) -> Iterator[Step]:
    """Planting, and training of what was planted; nothing is cached before."""
    config, structure, network = study.config, parent.structure, parent.network
    planting = {given.group: given.channels}
    for epochs in given.epochs:
        start = time.perf_counter()
        child = plant(
            network,
            study.example,
            planting,
            generator_for(0, "rows"),
            column_scale=config.planting.column_init,
            donor=study.donor(),
            structure=structure,
        )
        planted = planted_entries(structure, network, planting)
        seconds = {"planting": time.perf_counter() - start}
        trained = train_planted(
            child,
            planted,
            classifier_tensors(structure),
            study.data,
            config.planting,
            epochs,
            FeatureCache(config.memory_gigabytes * 2**30),
            parent.network_id,
            generator_for(0, "batches"),
        )
        both = seconds | trained.seconds
        yield step(f"plantnas, {epochs} epochs", given.group, child, both, study)


def step(
    name: str, group: str, network: nn.Module, seconds: dict[str, float], study: PreparedStudy
) -> Step:
    """What a grown network is, counted and measured."""
    convolutions = [layer for layer in layers(network) if isinstance(layer, nn.Conv2d)]
    widths = study.seed.widths
    channels = convolutions[list(widths).index(group)].out_channels - widths[group]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Step(name, channels, seconds, parameters, study.validate(network))


def main() -> None:
    """Prints a line for each way to grow; the last line has the seconds and losses of both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000, help="for training")
    parser.add_argument("--channels", type=int, default=8, help="that the group grows by")
    parser.add_argument("--group", choices=GROUPS, default="features.7")
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--rate", type=float, default=0.005, help="for all of gromo's network")
    parser.add_argument("--directory", type=Path, help="of teacher and parent")
    given = parser.parse_args()
    if find_spec("gromo") is None:
        raise SystemExit("gromo is not installed: pip install 'plantnas[benchmarks]'")
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    changes = {"data.train": given.images, "search_space.seed.width": 0.25}
    config = with_overrides(load_study("fashion-mnist"), changes)
    with tempfile.TemporaryDirectory() as temporary:
        directory = given.directory or Path(temporary)
        optuna_study = open_study(config, sqlite_url(directory))
        study = PlantingObjective(config, directory).prepared(optuna_study, say=print)
        parent = study.parent(None)
        before = step("parent", given.group, parent.network, {}, study)
        planted = list(plantnas_steps(study, parent, given))
        restricted = list(gromo_steps(study, parent, given, "restricted"))
        full = list(gromo_steps(study, parent, given, "full"))
    print(f"{platform.machine()}, 1 thread, {given.images} images, distillation loss, one seed")
    print(f"{'':40}{'channels':>9}{'parameters':>11}{'loss':>9}{'accuracy %':>11}{'seconds':>9}")
    print(*(before, *planted, *restricted, *full), sep="\n")
    print(NOT_COMPARABLE)
    ends = [
        f"{each.metrics.loss:.4f} in {sum(each.seconds.values()):.1f} s by {each.name}"
        for each in (restricted[0], full[0], planted[0])
    ]
    print(f"validation loss {before.metrics.loss:.4f} to {'; '.join(ends)}")


if __name__ == "__main__":
    main()
