"""A small network of a trained one: near to it, and nearer than its channels as they are."""

import pytest
import torch
from torch import Tensor, nn

import plantnas
from plantnas.channels.groups import analyse
from plantnas.channels.ordering import largest_first, reordered
from plantnas.channels.planting import crop
from plantnas.errors import PlantingError


def trained() -> tuple[nn.Module, Tensor]:
    """A network and images on which it varies."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 5),
        )
        images = torch.randn(200, 3, 8, 8).cumsum(-1)
        model.train()
        for _ in range(30):
            model(images)
        return model.eval(), images


def distance(network: nn.Module, model: nn.Module, images: Tensor) -> float:
    with torch.no_grad():
        return float((network.eval()(images) - model(images)).square().mean())


def test_a_shrunk_network_is_nearer_to_the_model_than_its_channels_as_they_are() -> None:
    model, images = trained()
    small = plantnas.shrink(model, images, 0.25)
    taken = crop(largest_first(model, analyse(model, images)), images, {"0": 4, "3": 4})
    assert distance(small, model, images) < 0.2 * distance(taken, model, images)


def test_its_widths_are_a_fraction_or_those_that_are_named() -> None:
    model, images = trained()
    assert plantnas.widths(plantnas.shrink(model, images, 0.25), images) == {"0": 4, "3": 4}
    assert plantnas.widths(plantnas.shrink(model, images, {"3": 5}), images) == {"0": 16, "3": 5}
    assert plantnas.widths(plantnas.shrink(model, images, 0.1, minimum=3), images) == {
        "0": 3,
        "3": 3,
    }


def test_the_model_stays_as_it_is() -> None:
    model, images = trained()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    plantnas.shrink(model, images, 0.5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training


def test_at_its_own_widths_a_network_computes_nearly_the_same() -> None:
    model, images = trained()
    same = plantnas.shrink(model, images, 1.0)
    with torch.no_grad():
        assert distance(same, model, images) < 0.01 * float(model(images).detach().var())


def test_the_order_of_the_models_channels_does_not_matter() -> None:
    model, images = trained()
    orders = {name: torch.arange(15, -1, -1) for name in ("0", "3")}
    other = reordered(model, analyse(model, images), orders)
    small, same = (plantnas.shrink(each, images, 0.25) for each in (model, other))
    assert distance(small, same, images) < 1e-6 * distance(small, model, images)


def test_a_shrunk_network_can_be_trained() -> None:
    model, images = trained()
    small = plantnas.shrink(model, images, 0.25)
    small.train()(images).sum().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())


@pytest.mark.parametrize("widths", [0.0, {"0": 17}, {"nowhere": 3}])
def test_widths_that_cannot_be_are_refused(widths: float | dict[str, int]) -> None:
    model, images = trained()
    with pytest.raises(PlantingError):
        plantnas.shrink(model, images, widths)


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 16), nn.LayerNorm([16, 8, 8])])
def test_groups_behind_a_normalisation_of_all_channels_shrink_too(norm: nn.Module) -> None:
    model, images = trained()
    model[1] = norm.eval()
    small = plantnas.shrink(model, images, 0.25)
    assert [len(small[number].weight) for number in (0, 1, 3)] == [4, 4, 4]
    taken = crop(largest_first(model, analyse(model, images).opened), images, {"0": 4, "3": 4})
    assert distance(small, model, images) < distance(taken, model, images)
    same = plantnas.shrink(model, images, {"0": 16})
    assert distance(same, model, images) < 0.01 * float(model(images).detach().var())
