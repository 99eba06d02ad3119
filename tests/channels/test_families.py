"""Families of torchvision and timm, narrow and on small images: planted, cropped, costed."""

import pytest
import timm
import torch
from torch import nn
from torchvision import models
from torchvision.models.resnet import Bottleneck

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop, narrow, plant
from tests.channels.conftest import some_without_others

QUICK = {"num_classes": 4, "init_weights": False}


def _bottlenecks(**arguments) -> nn.Module:
    return models.ResNet(Bottleneck, [1, 1, 1, 1], num_classes=4, **arguments)


FAMILIES = {
    "alexnet": (lambda: models.alexnet(num_classes=4), 1 / 16, 64),
    "vgg11": (lambda: models.vgg11(**QUICK), 1 / 32, 32),
    "timm_dla34": (lambda: timm.create_model("dla34", num_classes=4), 1 / 16, 64),
    "timm_ecaresnet26t": (lambda: timm.create_model("ecaresnet26t", num_classes=4), 1 / 8, 32),
    "resnext": (lambda: _bottlenecks(groups=8, width_per_group=4), 1 / 4, 32),
    "wide_resnet": (lambda: _bottlenecks(width_per_group=128), 1 / 16, 32),
    "mnasnet0_5": (lambda: models.mnasnet0_5(num_classes=4), 1 / 4, 32),
    "efficientnet_b0": (lambda: models.efficientnet_b0(num_classes=4), 1 / 4, 32),
    "regnet_x_400mf": (lambda: models.regnet_x_400mf(num_classes=4), 1 / 4, 32),
    "regnet_y_400mf": (lambda: models.regnet_y_400mf(num_classes=4), 1 / 4, 32),
    "shufflenet_v2_x0_5": (lambda: models.shufflenet_v2_x0_5(num_classes=4), 1 / 2, 64),
    "convnext": (
        lambda: models.convnext.ConvNeXt(
            [models.convnext.CNBlockConfig(8, 12, 2), models.convnext.CNBlockConfig(12, None, 1)],
            num_classes=4,
        ),
        1,
        32,
    ),
    "vit": (lambda: models.VisionTransformer(16, 8, 2, 2, 12, 24, num_classes=4), 1, 16),
    "swin": (
        lambda: models.SwinTransformer([4, 4], 8, [2, 2], [2, 4], [2, 2], num_classes=4),
        1,
        32,
    ),
}
SLOW = {
    "inception_v3": (lambda: models.inception_v3(**QUICK), 1 / 16, 299),
    "efficientnet_v2_s": (lambda: models.efficientnet_v2_s(num_classes=4), 1 / 16, 32),
    "mobilenet_v3_large": (lambda: models.mobilenet_v3_large(num_classes=4), 1 / 4, 32),
    "densenet121": (lambda: models.densenet121(num_classes=4), 1 / 8, 32),
}


def _small(builder, fraction: float, size: int):
    def build() -> nn.Module:
        generator = torch.Generator().manual_seed(0)
        model = narrow(builder(), torch.zeros(1, 3, size, size), fraction, generator, minimum=2)
        with torch.no_grad():
            for parameter in model.parameters():  # such as ViT's head and ConvNeXt's layer scale
                if not parameter.any() or parameter.abs().max() < 1e-4:
                    nn.init.uniform_(parameter, 0.1, 0.5)
        return model

    return build


@pytest.fixture(
    scope="module",
    params=[*FAMILIES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def family(request, make_network):
    builder, fraction, size = (FAMILIES | SLOW)[request.param]
    return make_network(_small(builder, fraction, size), size)


def _some_groups(structure, seed: int) -> dict[str, int]:
    """Up to three granules in about half of the groups."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randint(-3, 4, (len(structure.growable),), generator=generator)
    numbers[seed % len(numbers)] = 1
    return {
        name: group.granularity * max(0, int(number))
        for (name, group), number in zip(structure.growable.items(), numbers, strict=True)
    }


@pytest.fixture(scope="module")
def lineage(family):
    """A family's network, its child and its grandchild, with their structures."""
    networks, generator = [family], torch.Generator().manual_seed(2)
    for seed in (1, 3):
        model, images, structure = networks[-1]
        planting = _some_groups(structure, seed)
        child = plant(model, images, planting, generator, structure=structure)
        networks.append(type(family)(child, images, analyse(child, images)))
    return networks


def _widths(structure) -> dict[str, int]:
    return {name: group.width for name, group in structure.growable.items()}


def _assert_same_function(model, other, images) -> None:
    with torch.no_grad():
        output = model.eval()(images)
        difference = (other.eval()(images) - output).abs().max() / output.std(0).max()
    assert difference < 1e-9


def test_planting_each_group_without_each_other_preserves_the_function(family):
    model, images, structure = family
    for planting in some_without_others(structure):
        child = plant(model, images, planting, structure=structure)
        _assert_same_function(model, child, images)


def test_two_nested_random_plantings_preserve_the_function(family, lineage):
    for descendant in lineage[1:]:
        _assert_same_function(family.model, descendant.model, family.images)


def test_a_grandchild_cropped_is_each_ancestor_bit_for_bit(lineage):
    model, images, structure = lineage[2]
    for ancestor in lineage[:2]:
        widths = _widths(ancestor.structure)
        cropped = crop(model, images, widths, structure=structure).state_dict()
        for name, tensor in ancestor.model.state_dict().items():
            assert torch.equal(cropped[name], tensor), name


def test_costs_are_predicted_from_the_parents_tables(family, lineage):
    structure = family.structure
    for descendant in lineage[1:]:
        widths = _widths(descendant.structure)
        assert structure.parameters(widths) == sum(
            parameter.numel() for parameter in descendant.model.parameters()
        )
        assert structure.macs(widths) == descendant.structure.macs()


def test_a_grandchild_trains(lineage):
    child, images, _ = lineage[2]
    outputs = child.train()(images)
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
    sum(output.square().sum() for output in outputs).backward()
    gradients = [each.grad for each in child.parameters() if each.requires_grad]
    child.zero_grad()
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("fraction", [1 / 8, 1 / 4, 1 / 2])
def test_a_narrow_network_runs_and_has_the_predicted_parameters(family, fraction):
    model, images, structure = family
    child = narrow(model, images, fraction, structure=structure)
    named = dict(child.named_parameters())
    widths = {}
    for axis in structure.axes:
        if len(axis.segments) == 1 and axis.tensor in named:
            group, block = axis.segments[0]
            widths[group] = named[axis.tensor].shape[axis.dimension] // block
    with torch.no_grad():
        assert child.eval()(images).shape == model.eval()(images).shape
    assert structure.parameters(widths) == sum(p.numel() for p in child.parameters())
    assert all(
        group.width * fraction - group.granularity
        <= widths.get(name, group.width)
        <= max(group.width * fraction + group.granularity, group.minimum)
        for name, group in structure.growable.items()
    )
