"""The order of channels: the function stays, and what is largest comes first."""

import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.ordering import channel_scores, largest_first, reordered
from plantnas.channels.planting import crop


def test_any_order_computes_the_same_function(network):
    model, images, structure = network
    generator = torch.Generator().manual_seed(0)
    orders = {
        name: torch.randperm(group.width, generator=generator)
        for name, group in structure.growable.items()
        if group.granularity == 1
    }
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    other = reordered(model, structure, orders)
    with torch.no_grad():
        torch.testing.assert_close(other(images), model(images))
    after = model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    moved = other.state_dict()
    assert any(not torch.equal(tensor, moved[name]) for name, tensor in before.items())


def test_the_largest_first_computes_the_same_function(network):
    model, images, structure = network
    with torch.no_grad():
        torch.testing.assert_close(largest_first(model, structure)(images), model(images))


def test_scores_fall_in_the_new_order(network):
    model, _, structure = network
    scores = channel_scores(largest_first(model, structure), structure)
    single = [name for name, group in structure.growable.items() if group.granularity == 1]
    assert single
    for name in single:
        assert torch.all(scores[name][1:] <= scores[name][:-1] + 1e-5), name


def test_a_score_is_the_mean_over_layers_of_what_makes_and_uses_a_channel():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 4, 5))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -3.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1))
        # Four columns a channel: those of the first are 2 on average, of the second 6.
        columns = torch.tensor([2.0, -2.0, 1.0, 3.0, 6.0, 6.0, -12.0, 0.0])
        model[3].weight.copy_(columns.expand(5, 8))
    structure = analyse(model, torch.zeros(2, 3, 2, 2))
    torch.testing.assert_close(channel_scores(model, structure)["0"], torch.tensor([0.5, 1.5]))


def test_a_crop_keeps_the_channel_that_matters():
    """Of four channels three compute nothing that is used; wherever the fourth stands, it stays."""
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].bias.zero_()
        model[0].weight.copy_(torch.tensor([0.1, 0.1, 5.0, 0.1]).view(4, 1, 1, 1))
        model[3].weight.copy_(torch.tensor([[0.0, 0.0, 2.0, 0.0], [0.0, 0.0, -1.0, 0.0]]))
    images = torch.rand(2, 1, 1, 1)
    structure = analyse(model, images)
    cropped = crop(largest_first(model, structure), images, {"0": 1})
    with torch.no_grad():
        torch.testing.assert_close(cropped(images), model(images))
