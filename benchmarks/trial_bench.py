"""What trial_cost.py measures trials on, and the least that a trial could take."""

import resource
import statistics
import timeit
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.common import SPACES
from plantnas.channels.groups import analyse
from plantnas.channels.planting import plant, planted_entries, planted_widths
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.channels.wiring import triangular
from plantnas.config import Data, Planting, Recipe
from plantnas.records.building import example_images, network_at
from plantnas.records.record import ImagesRecord
from plantnas.search_space import SearchSpace
from plantnas.training import data as data_sets
from plantnas.training.apart import apart
from plantnas.training.data import load_dataset
from plantnas.training.fitting import TrainingData, fit
from plantnas.training.images import Images
from plantnas.training.logits import teacher_logits
from plantnas.training.loss import Targets, cross_entropy
from plantnas.training.losses.kd import DistillationLoss
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.parts import NewRows
from plantnas.training.prefix import cut_before
from plantnas.training.views import augmented_inputs, image_inputs

WIRINGS = ("dense", "triangular")
PARENT_WIDTH = 0.25
"""Of the architecture's: a parent in the middle of a study."""
FULL = {"fashion-mnist": 10_000, "random": 50_000}
"""Training images of each data set."""
RECIPE = Planting(learning_rate=0.005, row_rate=1)


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


def random_dataset(images: int) -> data_sets.Dataset:
    """Noise of 32 x 32 x 3 with random labels: only its cost is of interest."""
    generator = torch.Generator().manual_seed(0)

    def drawn(number: int) -> Images:
        pixels = torch.randint(256, (number, 3, 32, 32), dtype=torch.uint8, generator=generator)
        return Images(pixels, torch.randint(10, (number,), generator=generator))

    level = torch.full((3,), 127.5)
    return data_sets.Dataset(drawn(images), drawn(500), 10, level, level / 2, "random")


def clock() -> float:
    """Seconds of the processor, of this process and of those that it started and that ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def bench(network: str, data: str, wiring: str, images: int) -> Bench:
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
    if wiring == "triangular":
        structure = triangular(structure, parent, [])
    return Bench(space, shape, teacher, parent, structure, distilled, FULL[data] / images)


def trained(network: nn.Module, training_data: TrainingData) -> nn.Module:
    """One epoch, so that losses are of networks that have learnt something."""
    recipe = Recipe(learning_rate=0.005, epochs=1)
    fit(network, whole_network_optimizer(network, recipe), training_data, recipe, generator())
    return network.eval()


def plantings(structure: Structure) -> dict[str, dict[str, int]]:
    """Half as many channels more in one group, a quarter more in all.

    Where wiring is triangular, one granule more in each group behind the one.
    """
    groups = list(structure.growable.values())
    places = {"beginning": 0, "middle": len(groups) // 2, "end": len(groups) - 1}
    single = {
        place: {groups[number].name: groups[number].width // 2} for place, number in places.items()
    }
    if structure.ancestors is not None:
        for place, number in places.items():
            behind = {group.name: group.granularity for group in groups[number + 1 :]}
            single[place] |= behind
    return {**single, "everywhere": {group.name: group.width // 4 for group in groups}}


def planted_child(bench: Bench, planting: dict[str, int]) -> nn.Module:
    """The same child in every run."""
    example = example_images(bench.shape)
    return plant(bench.parent, example, planting, generator(), structure=bench.structure)


def trained_masks(bench: Bench, planting: dict[str, int]) -> dict[str, Tensor]:
    """The entries that are trained: planted ones and the classifier."""
    masks = dict(planted_entries(bench.structure, bench.parent, planting))
    state = planted_child(bench, planting).state_dict()
    for name in classifier_tensors(bench.structure):
        masks[name] = torch.ones_like(state[name], dtype=torch.bool)
    return masks


def limit(bench: Bench, planting: dict[str, int]) -> float:
    """Seconds that the needed floating-point operations of an epoch take at forward's rate."""
    child = planted_child(bench, planting)
    if bench.structure.ancestors is not None:
        return limit_of_parts(bench, child, planting)
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
    return an_epoch(bench, seconds)


def limit_of_parts(bench: Bench, child: nn.Module, planting: dict[str, int]) -> float:
    """The same where wiring is triangular, without the old part: its features may be cached.

    What sees old channels has two passes, what sees new ones three.
    """
    wider = bench.structure.with_widths(planted_widths(bench.structure, planting))
    first = next(bench.data.inputs.in_order(0, RECIPE.batch_size))
    parts = apart(child, wider, RECIPE, *first)
    assert parts is not None
    assert parts.cut.prefix is not None
    calls = list[tuple[int, nn.Module, Tensor]]()
    layers = [each for each in parts.cut.suffix.modules() if isinstance(each, NewRows)]
    passes = {layer.old: 2 for layer in layers} | {layer.new: 3 for layer in layers if layer.new}
    hooks = [
        layer.register_forward_hook(lambda m, args, out: calls.append((passes[m], m, args[0])))
        for layer in passes
    ]
    with torch.no_grad():
        parts.cut.suffix(*parts.cut.prefix(*first))
    for hook in hooks:
        hook.remove()
    seconds = sum(count * forward_seconds(layer, inputs) for count, layer, inputs in calls)
    return an_epoch(bench, seconds)


def an_epoch(bench: Bench, seconds: float) -> float:
    """The seconds of an epoch of the whole data set, from those of a batch."""
    return seconds * bench.data.inputs.images / RECIPE.batch_size * bench.scale


@torch.no_grad()
def forward_seconds(module: nn.Module, inputs: Tensor) -> float:
    """The median of a layer alone."""
    runs = timeit.repeat(lambda: module(inputs), timer=clock, number=4, repeat=4)
    return statistics.median(runs) / 4


def generator() -> torch.Generator:
    """The same draws in every run."""
    return torch.Generator().manual_seed(0)
