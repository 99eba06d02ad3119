"""New channels are fitted to a teacher's: where they can compute the same, they do."""

import copy

import pytest
import torch
from torch import Tensor, nn

from plantnas.channels import reconstruction
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fitted
from plantnas.channels.initialisations import teacher as teacher_start
from plantnas.channels.initialising import Donor, Grown, Initialisation, all_new
from plantnas.channels.patches import layer_call
from plantnas.channels.planting import narrow, plant, planted_widths
from plantnas.channels.reconstruction import (
    FLOAT_BYTES,
    PLACES,
    places_of,
    places_within,
    reconstruct,
    sampled,
)
from plantnas.channels.resizing import named_tensors, resized
from plantnas.channels.structure import Structure
from plantnas.errors import PlantingError
from tests.channels.conftest import difference


def everywhere(structure: Structure, times: int = 1) -> dict[str, int]:
    return {name: times * group.granularity for name, group in structure.growable.items()}


def many(images: Tensor, count: int = 48) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    shape = (count, *images.shape[1:])
    return torch.randn(shape, generator=generator, dtype=images.dtype)


def with_statistics_of(model: nn.Module, images: Tensor) -> nn.Module:
    """The model with BatchNorm statistics of exactly these images, layer after layer."""
    calibrated = copy.deepcopy(model).eval()

    def calibrate(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        channels = [dimension for dimension in range(inputs[0].ndim) if dimension != 1]
        variance, mean = torch.var_mean(inputs[0], channels, correction=0)
        module.running_mean.copy_(mean)
        module.running_var.copy_(variance)

    hooks = [
        module.register_forward_pre_hook(calibrate)
        for module in calibrated.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    with torch.no_grad():
        calibrated(images)
    for hook in hooks:
        hook.remove()
    return calibrated


def from_scratch(teacher: nn.Module, structure: Structure, images: Tensor) -> Grown:
    """A network of these widths, all of it new, that can take from the teacher."""
    given = analyse(teacher, images)
    network = resized(teacher, given, given.widths_with(structure.growable_widths))
    donor = Donor(teacher, given, sampled(teacher, images))
    return Grown(network, structure, teacher, all_new(network), images, donor, None)


def test_a_network_that_can_compute_the_same_does(network, monkeypatch) -> None:
    """The teacher is the model with channels that change nothing: a network of its widths can."""
    model, images, structure = network
    images = many(images)
    model = with_statistics_of(model, images)
    teacher = plant(model, images, everywhere(structure, times=2), structure=structure)
    grown = from_scratch(with_statistics_of(teacher, images), structure, images)
    monkeypatch.setattr(reconstruction, "PENALTY", 1e-9)
    with torch.no_grad():
        teacher_start.fill(grown)
        for module in grown.network.modules():
            if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
                module.reset_parameters()
        reconstruct(grown)
        output, answer = model(images), grown.network.eval()(images)
    assert (answer - output).abs().max() / output.std(0).max() < 1e-3


def test_planting_fitted_channels_preserves_the_function(network) -> None:
    model, images, structure = network
    wide = narrow(model, images, planted_widths(structure, everywhere(structure, times=3)))
    donor = Donor(wide, analyse(wide, images), sampled(wide, many(images, 8)))
    given, planting = Initialisation(fitted.fill, donor=donor), everywhere(structure)
    child = plant(model, images, planting, initialisation=given, structure=structure)
    assert difference(model, child, images) < 1e-9


def small_teacher(*modules: nn.Module) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        for module in modules:
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        return nn.Sequential(*modules), torch.randn(6, 3, 8, 8)


def fitted_at(teacher: nn.Module, images: Tensor, widths: dict[str, int]) -> nn.Module:
    structure = analyse(teacher, images)
    grown = from_scratch(teacher, structure.with_widths(widths), images)
    with torch.no_grad():
        fitted.fill(grown)
    return grown.network


def test_a_network_without_batch_norm_has_the_teachers_means() -> None:
    teacher, images = small_teacher(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    network = fitted_at(teacher, images, {"0": 2})
    with torch.no_grad():
        means = [each(images).mean((0, 2, 3)) for each in (network, teacher)]
    torch.testing.assert_close(*means, atol=1e-5, rtol=1e-4)


def test_new_batch_norms_have_the_networks_own_statistics() -> None:
    teacher, images = small_teacher(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3)
    )
    network = fitted_at(teacher, images, {"0": 2})
    with torch.no_grad():
        variance, mean = torch.var_mean(network[0](images), (0, 2, 3), correction=0)
    torch.testing.assert_close(network[1].running_mean, mean)
    torch.testing.assert_close(network[1].running_var, variance)


def test_a_planted_channels_batch_norm_is_new_and_the_others_are_not() -> None:
    model, images = small_teacher(
        nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 4, 3)
    )
    wide = narrow(model, images, {"0": 6}, torch.Generator().manual_seed(0))
    donor = Donor(wide, analyse(wide, images), sampled(wide, images))
    child = plant(model, images, {"0": 3}, initialisation=Initialisation(fitted.fill, donor=donor))
    with torch.no_grad():
        variance = torch.var(child[0](images), (0, 2, 3), correction=0)
    torch.testing.assert_close(child[1].running_var[2:], variance[2:])
    assert torch.equal(child[1].running_var[:2], model[1].running_var)


@pytest.mark.parametrize("fault", ["dead input", "twin inputs", "dead teacher", "few places"])
def test_what_cannot_be_told_apart_gives_finite_weights(fault: str) -> None:
    teacher, images = small_teacher(
        nn.Conv2d(3, 40, 3), nn.BatchNorm2d(40), nn.ReLU(), nn.Conv2d(40, 4, 3)
    )
    with torch.no_grad():
        if fault == "dead input":
            images[:] = 0
        elif fault == "twin inputs":
            images[:, 1] = images[:, 0]
        elif fault == "dead teacher":
            teacher[0].weight.zero_()
        else:
            images = images[:2, :, :5, :5]
    network = fitted_at(teacher, images, {"0": 30})
    assert all(tensor.isfinite().all() for tensor in named_tensors(network).values())


def test_a_network_in_training_stays_in_training() -> None:
    teacher, images = small_teacher(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3))
    teacher.train().get_submodule("1").eval()
    statistics = teacher.get_buffer("1.running_mean").clone()
    sampled(teacher, images)
    assert [module.training for module in teacher.children()] == [True, False, True]
    assert torch.equal(teacher.get_buffer("1.running_mean"), statistics)


def test_the_samples_of_a_wide_network_are_there_for_a_narrow_one() -> None:
    """Where the wide one's layer has more inputs it has more samples: the first are the same."""
    images = torch.randn(30, 3, 32, 32)
    calls = [
        layer_call(torch.conv2d, (images[:, :1].expand(-1, columns, -1, -1), weight), {})
        for columns in (2, 16)
        for weight in [torch.zeros(4, columns, 3, 3)]
    ]
    narrow_places, wide_places = (places_of(call) for call in calls if call)
    assert len(narrow_places) < len(wide_places)
    assert torch.equal(narrow_places, wide_places[: len(narrow_places)])


def test_the_places_are_different_ones_and_spread_over_all_images() -> None:
    call = layer_call(torch.conv2d, (torch.zeros(500, 1, 9, 9), torch.zeros(1, 1, 3, 3)), {})
    assert call
    places = places_of(call)
    assert places.unique().numel() == places.numel() == 2048
    assert torch.bincount(places // 49, minlength=500).min() >= 3


def test_without_a_teacher_it_says_so() -> None:
    model, images = small_teacher(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 4, 3))
    wide = narrow(model, images, {"0": 6})
    donor = Donor(wide, analyse(wide, images))
    with pytest.raises(PlantingError, match="no teacher whose outputs"):
        plant(model, images, {"0": 3}, initialisation=Initialisation(fitted.fill, donor=donor))


def test_samples_of_all_layers_fit_into_the_memory() -> None:
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3))
    images = torch.randn(50, 1, 9, 9)
    structure = analyse(model, images)
    memory = 123 * FLOAT_BYTES * (6 + 4)
    assert places_within(structure, memory) == 123
    samples = sampled(model, images, places_within(structure, memory))
    assert sum(FLOAT_BYTES * each.numel() for each in samples.outputs.values()) == memory
    assert places_within(structure, 1e12) == PLACES
    assert places_within(structure, 1) == 1
