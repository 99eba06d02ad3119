"""Networks by the name of their architecture."""

import random
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from plantnas.errors import ConfigurationError
from plantnas.networks import ARCHITECTURES
from plantnas.networks.loader import build_network

SOURCE = """
import torch
from torch import nn

WIDTH = 5

def linear(num_classes, in_channels, size=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * size * size, num_classes))

def nothing(num_classes, in_channels):
    return "no network"

def missing(num_classes, in_channels):
    return open("no-such-weights.pt")

def only_rgb(num_classes, in_channels):
    assert in_channels == 1, "grey only"

def ends(num_classes, in_channels):
    raise SystemExit(1)

def compiled(num_classes, in_channels):
    return torch.compile(linear(num_classes, in_channels), backend="eager")
"""


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("family", list(ARCHITECTURES))
def test_a_family_answers_with_one_logit_a_class(family: str, in_channels: int) -> None:
    network = build_network(family, num_classes=7, in_channels=in_channels).eval()
    with torch.inference_mode():
        assert network(torch.randn(2, in_channels, 16, 16)).shape == (2, 7)


@pytest.fixture
def users_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's in a folder that Python looks into."""
    (tmp_path / "architectures_of_mine.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return "architectures_of_mine"


def message_of(architecture: str, in_channels: int = 3, **arguments: object) -> str:
    """The message of the ConfigurationError, which is one line and names the architecture."""
    with pytest.raises(ConfigurationError) as error:
        build_network(architecture, 10, in_channels, arguments)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"architecture: {architecture!r}")
    return message


def test_a_compiled_network_is_the_network_itself(users_module: str) -> None:
    names = build_network(f"{users_module}:compiled", 10, 1).state_dict().keys()
    assert names == {"1.weight", "1.bias"}


def test_the_same_seed_draws_the_same_weights() -> None:
    first, second = (build_network("resnet20", 10, 3, {"width": 4}, seed=3) for _ in range(2))
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_another_seed_draws_other_weights() -> None:
    first, second = (build_network("plain-small", 10, 1, seed=seed) for seed in (3, 4))
    for name, parameter in first.named_parameters():
        if parameter.ndim > 1:
            assert not torch.equal(parameter, second.get_parameter(name)), name


def test_the_global_generators_are_left_as_they_were() -> None:
    def states() -> tuple[object, ...]:
        return torch.get_rng_state().tolist(), random.getstate()

    before = states()
    build_network("plain-small", 10, 1, seed=3)
    assert states() == before


def test_the_global_seed_does_not_matter() -> None:
    torch.manual_seed(0)
    first = build_network("plain-small", 10, 1)
    torch.manual_seed(1)
    second = build_network("plain-small", 10, 1)
    assert torch.equal(first.classifier.weight, second.classifier.weight)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_a_network_of_torchvision_has_the_wanted_classes(name: str) -> None:
    network = build_network(f"torchvision/{name}", 7, 3).eval()
    with torch.inference_mode():
        assert network(torch.randn(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_network_of_timm_has_the_wanted_classes_and_channels(in_channels: int) -> None:
    network = build_network("timm/test_efficientnet", 7, in_channels).eval()
    with torch.inference_mode():
        assert network(torch.randn(2, in_channels, 32, 32)).shape == (2, 7)


def test_without_timm_its_networks_are_an_error_that_tells_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert "pip install 'plantnas[timm]'" in message_of("timm/test_efficientnet")


def test_a_networks_arguments_reach_its_constructor() -> None:
    assert build_network("resnet20", 10, 3, {"width": 4}).conv1.out_channels == 4
    dropout = build_network("torchvision/mobilenet_v2", 10, 3, {"dropout": 0.7}).classifier[0]
    assert dropout.p == 0.7


def test_a_function_of_the_users_makes_a_network(users_module: str) -> None:
    network = build_network(f"{users_module}:linear", 4, 1, {"size": 6})
    assert isinstance(network, nn.Sequential)
    assert network(torch.randn(2, 1, 6, 6)).shape == (2, 4)


@pytest.mark.parametrize("name", ["plane", "resnet-20", "torch/resnet18"])
def test_an_unknown_name_is_an_error_that_tells_what_is_allowed(name: str) -> None:
    message = message_of(name)
    assert "A module:attribute of yours or torchvision/NAME or timm/NAME is allowed too" in message
    assert "Did you mean" in message or all(family in message for family in ARCHITECTURES)


def test_an_almost_known_name_is_guessed() -> None:
    assert "Did you mean 'resnet20'?" in message_of("resnet-20")
    assert "Did you mean 'resnet18'?" in message_of("torchvision/resnt18")
    assert "Did you mean 'dla34'?" in message_of("timm/dla3")


def test_torchvisions_networks_refuse_grey_images_and_say_what_to_do() -> None:
    assert "data.channels: 3" in message_of("torchvision/resnet18", in_channels=1)


@pytest.mark.parametrize(
    "architecture", ["resnet20", "torchvision/resnet18", "timm/test_efficientnet"]
)
def test_an_argument_that_a_constructor_does_not_know_is_an_error(architecture: str) -> None:
    assert "breadth" in message_of(architecture, breadth=3)


def test_a_missing_module_or_function_is_an_error(users_module: str) -> None:
    assert "no_module_of_mine" in message_of("no_module_of_mine:linear")
    assert "linea" in message_of(f"{users_module}:linea")


@pytest.mark.parametrize("architecture", [":linear", ".relative:linear", "module:"])
def test_half_a_name_is_an_error(architecture: str) -> None:
    message_of(architecture)


def test_what_is_not_a_function_is_an_error(users_module: str) -> None:
    assert "is not a function of (num_classes, in_channels)" in message_of(f"{users_module}:WIDTH")


@pytest.mark.parametrize("name", ["missing", "only_rgb", "ends"])
def test_what_a_constructor_raises_is_told_with_its_line(users_module: str, name: str) -> None:
    assert f"{users_module}.py:" in message_of(f"{users_module}:{name}")


def test_what_a_librarys_constructor_raises_is_told_in_one_line() -> None:
    assert "raised KeyError" in message_of("torchvision/resnet18", weights="none")


def test_a_function_that_makes_no_network_is_an_error(users_module: str) -> None:
    assert "returned a str" in message_of(f"{users_module}:nothing")
