"""What no network could have had is refused before a network takes it, each in a line."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plantnas.networks.states import load_state, problem_of


def own() -> dict[str, Tensor]:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict()


def test_a_networks_own_state_has_no_problem() -> None:
    assert problem_of(own(), own()) is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_floats_of_another_width_are_taken(dtype: torch.dtype) -> None:
    assert problem_of({"0.weight": own()["0.weight"].to(dtype)}, own()) is None


def test_integers_of_another_width_are_taken() -> None:
    count = torch.tensor(3, dtype=torch.int32)
    assert problem_of({"1.num_batches_tracked": count}, own()) is None


@pytest.mark.parametrize(
    ("name", "tensor", "problem"),
    [
        (3, torch.zeros(1), "the name 3 of a tensor is no text."),
        ("0.bias", [0.0, 0.0], "'0.bias' is a list, where a Tensor is needed."),
        ("0.bias", torch.zeros(2, dtype=torch.complex64), "'0.bias' has dtype torch.complex64"),
        ("0.bias", torch.zeros(2, dtype=torch.int64), "'0.bias' has dtype torch.int64"),
        ("0.bias", torch.zeros(2, dtype=torch.bool), "'0.bias' has dtype torch.bool"),
        ("0.bias", torch.zeros(2).to_sparse(), "'0.bias' is a tensor of layout torch.sparse_coo"),
        ("0.bias", torch.zeros(2, device="meta"), "layout torch.strided on meta"),
        ("0.bias", torch.tensor([0.0, torch.nan]), "'0.bias' has values that are not finite."),
        ("0.bias", torch.tensor([0.0, 1e300]).double(), "'0.bias' has values that are not finite."),
        ("1.running_var", torch.tensor([1.0, -1.0]), "'1.running_var' has negative values."),
        ("1.num_batches_tracked", torch.tensor(-1), "has negative values."),
        ("1.num_batches_tracked", torch.tensor(1.0), "has dtype torch.float32"),
    ],
)
def test_what_no_network_had_is_a_problem(name: Any, tensor: Any, problem: str) -> None:
    found = problem_of(own() | {name: tensor}, own())
    assert found is not None
    assert problem in found


def test_names_and_shapes_are_left_to_who_loads_it() -> None:
    state: dict[str, object] = {"0.bias": torch.full((3,), torch.nan), "more": torch.zeros(1)}
    assert problem_of(state, own()) is None


class Versioned(nn.Linear):
    """Refuses a state without its version, as torchvision's MNASNet does."""

    _version = 2

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        assert local_metadata.get("version") == 2
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def test_a_plain_state_is_of_the_networks_own_version() -> None:
    source, network = nn.Sequential(Versioned(2, 2)), nn.Sequential(Versioned(2, 2))
    load_state(network, dict(source.state_dict()))
    assert torch.equal(network.state_dict()["0.weight"], source.state_dict()["0.weight"])


def test_a_state_keeps_the_version_that_it_was_written_with() -> None:
    network = nn.Sequential(Versioned(2, 2))
    state: Any = network.state_dict()
    state._metadata["0"]["version"] = 1
    with pytest.raises(AssertionError):
        load_state(network, state)


def test_weights_without_counts_of_batches_are_taken() -> None:
    """As those that were converted from TensorFlow are."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    given = {name: tensor + 1 for name, tensor in own().items() if "num_batches" not in name}
    load_state(network, given)
    assert network.state_dict()["1.num_batches_tracked"] == 0
    assert all(torch.equal(network.state_dict()[name], given[name]) for name in given)
