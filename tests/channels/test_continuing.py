"""Networks that go on from a trained one of other widths."""

import pytest
import torch

from plantnas.channels.continuing import continued, take_back
from plantnas.channels.groups import analyse
from plantnas.channels.initialising import Donor
from plantnas.channels.planting import FRESH, crop
from plantnas.errors import PlantingError
from plantnas.networks.plain import Plain

EXAMPLE = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def trained() -> Donor:
    torch.manual_seed(0)
    network = Plain(10, in_channels=1, stages=[(4, 6), (6, 8)])
    return Donor(network.eval(), analyse(network, EXAMPLE))


def changed(trained: Donor, *changes: int) -> dict[str, int]:
    """The widths of the trained network, the first groups by so many channels wider."""
    widths = trained.structure.growable_widths
    return {
        name: width + change
        for (name, width), change in zip(widths.items(), [*changes, *[0] * 6], strict=False)
    }


def test_at_its_own_widths_it_is_the_network(trained: Donor) -> None:
    network = continued(trained, trained.structure.growable_widths, EXAMPLE, FRESH)
    assert torch.equal(network.eval()(EXAMPLE), trained.network(EXAMPLE))
    assert network is not trained.network


def test_at_smaller_widths_it_is_a_crop(trained: Donor) -> None:
    widths = changed(trained, -1, -2)
    network = continued(trained, widths, EXAMPLE, FRESH)
    expected = crop(trained.network, EXAMPLE, widths).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())


def test_at_larger_widths_it_computes_the_same(trained: Donor) -> None:
    network = continued(trained, changed(trained, 2, 0, 3), EXAMPLE, FRESH)
    torch.testing.assert_close(network.eval()(EXAMPLE), trained.network(EXAMPLE))


def test_wider_here_and_narrower_there_it_computes_what_the_crop_does(trained: Donor) -> None:
    network = continued(trained, changed(trained, 2, -3), EXAMPLE, FRESH)
    kept = crop(trained.network, EXAMPLE, changed(trained, 0, -3)).eval()
    torch.testing.assert_close(network.eval()(EXAMPLE), kept(EXAMPLE))
    assert analyse(network, EXAMPLE).growable_widths == changed(trained, 2, -3)


def test_what_it_goes_on_from_is_left_untouched(trained: Donor) -> None:
    before = {name: tensor.clone() for name, tensor in trained.network.state_dict().items()}
    network = continued(trained, changed(trained, 1), EXAMPLE, FRESH)
    for parameter in network.parameters():
        parameter.data.zero_()
    after = trained.network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_an_unknown_group_is_refused(trained: Donor) -> None:
    with pytest.raises(PlantingError, match="of_nobody"):
        continued(trained, {"of_nobody": 3}, EXAMPLE, FRESH)


def test_named_tensors_alone_are_taken_back(trained: Donor) -> None:
    network = continued(trained, trained.structure.growable_widths, EXAMPLE, FRESH)
    cropped = crop(trained.network, EXAMPLE, changed(trained, -1))
    cropped_structure = trained.structure.with_widths(changed(trained, -1))
    for tensor in network.state_dict().values():
        tensor.fill_(7)
    widths = cropped_structure.widths
    take_back(network, cropped, {"features.0.weight"}, trained.structure, widths)
    tensors, parents = network.state_dict(), cropped.state_dict()
    assert torch.equal(tensors["features.0.weight"][:3], parents["features.0.weight"])
    assert (tensors["features.0.weight"][3] == 7).all(), "what is planted stays"
    assert (tensors["features.3.weight"] == 7).all(), "it was not named"
