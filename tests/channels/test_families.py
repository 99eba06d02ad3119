"""Families of torchvision and timm, narrow and on small images: planted, cropped, costed.

Every kind of block is there twice in a row, with and without a stride; more of the same are not.
benchmarks/architectures.py plants all of them as they are.
"""

from functools import partial

import pytest
import timm
import torch
from torch import nn
from torchvision import models
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.models.regnet import BlockParams
from torchvision.models.resnet import Bottleneck

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop, narrow, plant
from tests.channels.conftest import difference, some_without_others

QUICK = {"num_classes": 4, "init_weights": False}


def _bottlenecks(**arguments) -> nn.Module:
    return models.ResNet(Bottleneck, [1, 1, 1, 1], num_classes=4, **arguments)


def _efficientnet(*stages: tuple, last: int) -> nn.Module:
    """Of stages with a kind of block, expansion, kernel, stride, channels and number of blocks."""
    settings, columns = [], stages[0][4]
    for block, expansion, kernel, stride, rows, blocks in stages:
        settings.append(block(expansion, kernel, stride, columns, rows, blocks))
        columns = rows
    return models.EfficientNet(settings, 0.2, num_classes=4, last_channel=last)


def _efficientnet_v1() -> nn.Module:
    """EfficientNet-B0, of whose stages three have one or two more blocks."""
    return _efficientnet(
        (MBConvConfig, 1, 3, 1, 32, 1),
        (MBConvConfig, 6, 3, 2, 24, 2),
        (MBConvConfig, 6, 5, 2, 40, 2),
        (MBConvConfig, 6, 3, 2, 80, 2),
        (MBConvConfig, 6, 5, 1, 112, 2),
        (MBConvConfig, 6, 5, 2, 192, 2),
        (MBConvConfig, 6, 3, 1, 320, 1),
        last=1280,
    )


def _efficientnet_v2() -> nn.Module:
    """EfficientNetV2-S, whose stages have 2, 4, 4, 6, 9 and 15 blocks."""
    return _efficientnet(
        (FusedMBConvConfig, 1, 3, 1, 24, 2),
        (FusedMBConvConfig, 4, 3, 2, 48, 2),
        (FusedMBConvConfig, 4, 3, 2, 64, 2),
        (MBConvConfig, 4, 3, 2, 128, 2),
        (MBConvConfig, 6, 3, 1, 160, 2),
        (MBConvConfig, 6, 3, 2, 256, 2),
        last=1280,
    )


def _mobilenet_v3() -> nn.Module:
    """MobileNetV3-Large, without five blocks that repeat the one before."""
    block = partial(InvertedResidualConfig, dilation=1, width_mult=1.0)
    settings = [
        block(16, 3, 16, 16, False, "RE", 1),
        block(16, 3, 64, 24, False, "RE", 2),
        block(24, 3, 72, 24, False, "RE", 1),
        block(24, 5, 72, 40, True, "RE", 2),
        block(40, 5, 120, 40, True, "RE", 1),
        block(40, 3, 240, 80, False, "HS", 2),
        block(80, 3, 200, 80, False, "HS", 1),
        block(80, 3, 480, 112, True, "HS", 1),
        block(112, 5, 672, 160, True, "HS", 2),
        block(160, 5, 960, 160, True, "HS", 1),
    ]
    return models.MobileNetV3(settings, 1280, num_classes=4)


def _regnet(share_of_squeeze: float | None) -> nn.Module:
    """RegNetX or Y of 400 MFLOPs, whose stages have 1, 2 to 3, 6 to 7 and 6 to 12 blocks."""
    stages = BlockParams([1, 2, 2, 2], [32, 64, 160, 400], [16] * 4, [1.0] * 4, [2] * 4)
    stages.se_ratio = share_of_squeeze
    return models.RegNet(stages, num_classes=4)


FAMILIES = {
    "alexnet": (lambda: models.alexnet(num_classes=4), 1 / 16, 64),
    "vgg11": (lambda: models.vgg11(**QUICK), 1 / 32, 32),
    "timm_dla34": (lambda: timm.create_model("dla34", num_classes=4), 1 / 16, 64),
    "timm_ecaresnet26t": (lambda: timm.create_model("ecaresnet26t", num_classes=4), 1 / 8, 32),
    "resnext": (lambda: _bottlenecks(groups=8, width_per_group=4), 1 / 4, 32),
    "wide_resnet": (lambda: _bottlenecks(width_per_group=128), 1 / 16, 32),
    "mnasnet0_5": (lambda: models.mnasnet0_5(num_classes=4), 1 / 4, 32),
    "efficientnet": (_efficientnet_v1, 1 / 4, 32),
    "efficientnet_v2": (_efficientnet_v2, 1 / 16, 32),
    "regnet_x": (lambda: _regnet(None), 1 / 4, 32),
    "regnet_y": (lambda: _regnet(0.25), 1 / 4, 32),
    "densenet": (lambda: models.DenseNet(32, (2, 3, 3, 2), num_classes=4), 1 / 8, 32),
    "mobilenet_v3": (_mobilenet_v3, 1 / 4, 32),
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


def test_planting_each_group_without_each_other_preserves_the_function(family):
    model, images, structure = family
    for planting in some_without_others(structure):
        child = plant(model, images, planting, structure=structure)
        assert difference(model, child, images) < 1e-9, planting


def test_two_nested_random_plantings_preserve_the_function(family, lineage):
    for descendant in lineage[1:]:
        assert difference(family.model, descendant.model, family.images) < 1e-9


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
