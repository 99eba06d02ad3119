"""The old part gives what layers see, as they see it; the new part adds to it what is new."""

import torch
from torch import Tensor, nn

from plantnas.training.parts import NewPart, NewRows, NoRows, OldPart, channels_last


class Branches(nn.Module):
    """Two layers see the same channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 1)
        self.third, self.head = nn.Conv2d(4, 4, 1), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        return self.joined(x, self.second(x) + self.third(x))

    def joined(self, x: Tensor, y: Tensor) -> Tensor:
        logits: Tensor = self.head((x + y).mean((2, 3)))
        return logits


class Overwriting(Branches):
    """What they have seen is written to."""

    def joined(self, x: Tensor, y: Tensor) -> Tensor:
        return super().joined(x.mul_(0.5), y)


IMAGES = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def new_rows(old: nn.Module, new: nn.Module | None = None) -> NewRows:
    return NewRows(old, new, None)


def test_what_several_layers_see_is_kept_once() -> None:
    layers = {name: new_rows(nn.Identity()) for name in ("second", "third")}
    old = OldPart(Branches(), layers, IMAGES)
    assert len(old.names) == 1
    assert old.features_of == {"second": [0], "third": [0]}


@torch.no_grad()
def test_an_input_is_kept_as_the_layer_saw_it() -> None:
    network = Overwriting()
    (kept,) = OldPart(network, {"second": new_rows(nn.Identity())}, IMAGES)(IMAGES)
    torch.testing.assert_close(kept, network.first(IMAGES))


@torch.no_grad()
def test_new_rows_add_what_they_see_of_old_and_new_channels() -> None:
    old, new = nn.Linear(3, 2), nn.Linear(2, 2, bias=False)
    rows = NewRows(old, new, torch.tensor([0, 2]))
    rows.given, images = [torch.randn(4, 3)], torch.randn(4, 3)
    expected = old(rows.given[0]) + new(images[:, [0, 2]])
    assert torch.equal(rows(images), expected)


@torch.no_grad()
def test_the_new_part_gives_each_call_its_own_feature() -> None:
    shared = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    network = nn.Sequential(shared, shared)
    layers = {"0.0": new_rows(nn.Identity())}
    old = OldPart(network, layers, torch.randn(2, 3))
    images = torch.randn(5, 3)
    features = old(images)
    assert torch.equal(features[1], shared(images))
    part = nn.Sequential(layers["0.0"], layers["0.0"])
    assert torch.equal(NewPart(part, layers, old, torch.Size([3]))(*features), features[1])


def test_a_layer_without_new_rows_gives_zeros_of_its_shape() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 2))
    layers = {"0": NoRows(1, -3), "2": new_rows(nn.Identity())}
    old = OldPart(network, layers, IMAGES)
    part = nn.Sequential(layers["0"])
    zeros = NewPart(part, layers, old, IMAGES.shape[1:])(torch.zeros(7, 36))
    assert torch.equal(zeros, torch.zeros(7, 1, 3, 3))


def test_images_of_one_channel_go_on_in_channels_last() -> None:
    images = torch.randn(4, 1, 8, 8)
    layer = nn.Conv2d(1, 2, 3)
    assert not layer(images).is_contiguous(memory_format=torch.channels_last)
    fed = channels_last(images)
    assert torch.equal(fed, images)
    assert layer(fed).is_contiguous(memory_format=torch.channels_last)
