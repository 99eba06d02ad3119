"""A teacher starts from torchvision's weights or a checkpoint; what does not fit is refused."""

import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.structure import classifier_tensors
from plantnas.errors import ConfigurationError
from plantnas.networks import are_made, code_of
from plantnas.networks.loader import build_network
from plantnas.networks.pretrained import Fit, load_pretrained
from plantnas.search_space import SearchSpace, Teacher

SQUEEZENET = SearchSpace(architecture="torchvision/squeezenet1_1")
SQUEEZENET_FILE = "squeezenet1_1-b8a52dc0.pth"
PLAIN = SearchSpace(architecture="plain-small")


def state_of(space: SearchSpace, classes: int, channels: int, seed: int) -> dict[str, Tensor]:
    return build_network(space.architecture, classes, channels, space.arguments, seed).state_dict()


def loaded(space: SearchSpace, weights: str, channels: int = 1) -> nn.Module:
    return fitted(space, weights, channels)[0]


def fitted(space: SearchSpace, weights: str, channels: int = 1) -> tuple[nn.Module, Fit]:
    """A network with the weights, and what it took of them."""
    network = build_network(space.architecture, 10, channels)
    structure = analyse(network, torch.zeros(2, channels, 64, 64))
    return network, load_pretrained(network, space, weights, classifier_tensors(structure))


def same_tensors(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    return {name for name in one if torch.equal(one[name], other[name])}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pt"
    torch.save(state_of(PLAIN, 10, 1, seed=7), path)
    return path


@pytest.mark.parametrize("prefixes", [["_orig_mod.", "module."]], ids="".join)
def test_a_checkpoint_of_a_wrapped_module_is_of_the_module(
    tmp_path: Path, prefixes: list[str]
) -> None:
    state = state_of(PLAIN, 10, 1, seed=7)
    wrapped = {"".join(prefixes) + name: tensor for name, tensor in state.items()}
    torch.save(wrapped | {"n_averaged": torch.tensor(3)}, tmp_path / "weights.pt")
    found = loaded(PLAIN, str(tmp_path / "weights.pt")).state_dict()
    assert same_tensors(found, state) == state.keys()


def test_default_takes_torchvisions_file_with_a_fresh_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    pretrained = state_of(SQUEEZENET, 1000, 3, seed=7)
    torch.save(pretrained, folder / SQUEEZENET_FILE)
    state = loaded(SQUEEZENET, "DEFAULT", channels=3).state_dict()
    classifier = {"classifier.1.weight", "classifier.1.bias"}
    kept = {name: state[name] for name in state.keys() - classifier}
    assert same_tensors(kept, pretrained) == kept.keys()
    assert state["classifier.1.weight"].shape[0] == 10


def test_a_damaged_file_of_torchvisions_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / SQUEEZENET_FILE).write_bytes(b"half a file")
    with pytest.raises(ConfigurationError, match=r"weights: DEFAULT: cannot be had: .+") as caught:
        loaded(SQUEEZENET, "DEFAULT", channels=3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_a_checkpoint_gives_all_its_weights(checkpoint: Path, key: str | None) -> None:
    state = torch.load(checkpoint)
    torch.save(state if key is None else {key: state, "epoch": 3}, checkpoint)
    network = loaded(PLAIN, str(checkpoint)).state_dict()
    assert same_tensors(network, state) == network.keys()


def test_a_classifier_of_another_shape_starts_afresh(checkpoint: Path) -> None:
    state = state_of(PLAIN, 37, 1, seed=7)
    torch.save(state, checkpoint)
    network = loaded(PLAIN, str(checkpoint)).state_dict()
    assert torch.equal(network["features.0.weight"], state["features.0.weight"])
    assert network["classifier.weight"].shape == (10, 64)


def test_a_checkpoint_without_a_classifier_gives_the_rest(checkpoint: Path) -> None:
    state = torch.load(checkpoint)
    del state["classifier.weight"], state["classifier.bias"]
    torch.save({"model": state, "epoch": 3}, checkpoint)
    network, fit = fitted(PLAIN, str(checkpoint))
    assert same_tensors(state, network.state_dict()) == state.keys()
    assert str(fit) == (
        "24 of 26 tensors from 'model'; 2 left as drawn: classifier.weight, classifier.bias"
    )


def test_what_a_checkpoint_has_beside_the_network_is_told(checkpoint: Path) -> None:
    state = {f"model.{name}": tensor for name, tensor in torch.load(checkpoint).items()}
    torch.save({"state_dict": state | {"loss.weight": torch.ones(10)}}, checkpoint)
    _, fit = fitted(PLAIN, str(checkpoint))
    assert str(fit) == (
        "26 of 26 tensors from 'state_dict', each without its 'model.'; 1 of the checkpoint not "
        "used: loss.weight"
    )


def without_a_layer(state: dict[str, Tensor]) -> Any:
    return {name: tensor for name, tensor in state.items() if "features.3" not in name}


def of_other_widths(state: dict[str, Tensor]) -> Any:
    return state | {"features.0.weight": torch.zeros(3, 1, 3, 3)}


def with_a_stranger(state: dict[str, Tensor]) -> Any:
    return state | {"stranger": torch.zeros(1)}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_a_layer, r'Missing key\(s\) in state_dict: "features.3.weight"'),
        (of_other_widths, "size mismatch for features.0.weight"),
        (with_a_stranger, r'Unexpected key\(s\) in state_dict: "stranger"'),
        (lambda state: [state], "holds no state_dict"),
        (lambda state: {"epoch": 3}, "holds no state_dict"),
    ],
)
def test_weights_of_something_else_are_refused(checkpoint: Path, damage: Any, message: str) -> None:
    torch.save(damage(torch.load(checkpoint)), checkpoint)
    with pytest.raises(ConfigurationError, match=f"weights.pt: .*{message}"):
        loaded(PLAIN, str(checkpoint))


def test_a_file_that_is_no_checkpoint_is_refused(checkpoint: Path) -> None:
    for content in (b"", b"not torch's", checkpoint.read_bytes()[:5000]):
        checkpoint.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"is no checkpoint that torch\.load reads"):
            loaded(PLAIN, str(checkpoint))


def test_a_checkpoint_that_would_run_code_is_refused(checkpoint: Path) -> None:
    torch.save({"model": build_network("plain-small", 10, 1)}, checkpoint)  # a pickled module
    with pytest.raises(ConfigurationError, match="weights_only=True"):
        loaded(PLAIN, str(checkpoint))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weights.pt")
    with pytest.raises(ConfigurationError, match=r"weights.pt: cannot be read: Is no regular file"):
        loaded(PLAIN, str(tmp_path / "weights.pt"))


@pytest.mark.parametrize("seed", range(120))
def test_a_damaged_checkpoint_gives_finite_weights_or_one_line(checkpoint: Path, seed: int) -> None:
    checkpoint.write_bytes(mutated(checkpoint.read_bytes(), random.Random(seed)))
    try:
        state = loaded(PLAIN, str(checkpoint)).state_dict()
    except ConfigurationError as error:
        assert "\n" not in str(error)  # noqa: PT017  # most are refused, and some are harmless
    else:
        assert all(tensor.isfinite().all() for tensor in state.values())


def mutated(content: bytes, generator: random.Random) -> bytes:
    """A file with some bytes changed, taken out, put in twice or cut off; near its ends, or not."""
    damaged, length = bytearray(content), len(content)
    for _ in range(generator.choice([1, 1, 3, 30])):
        place = generator.choice([generator.randrange(length), generator.randrange(2000), -1500])
        match generator.randrange(4):
            case 0:
                damaged[place] ^= 1 << generator.randrange(8)
            case 1:
                del damaged[place : place + generator.randrange(1, 9)]
            case 2:
                damaged[place:place] = content[: generator.randrange(1, 99)]
            case _:
                damaged[place] = generator.choice(b"\0\xff.()}tRQ0")
    return bytes(damaged)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        (3, torch.zeros(1), "the name 3 of a tensor is no text"),
        ("features.0.weight", torch.full((16, 1, 3, 3), torch.nan), "values that are not finite"),
        (
            "features.0.weight",
            torch.zeros(16, 1, 3, 3, dtype=torch.cfloat),
            "has dtype torch.complex64",
        ),
        ("features.1.running_var", torch.full((16,), -1.0), "has negative values"),
        ("features.1.running_var", [1.0] * 16, "is a list, where a Tensor is needed"),
    ],
)
def test_what_no_network_had_is_told_with_its_name(
    checkpoint: Path, name: Any, tensor: Any, message: str
) -> None:
    torch.save(torch.load(checkpoint) | {name: tensor}, checkpoint)
    with pytest.raises(ConfigurationError, match=f"weights.pt: .*{message}"):
        loaded(PLAIN, str(checkpoint))


def test_versions_of_modules_that_are_none_are_left_out(checkpoint: Path) -> None:
    state = torch.load(checkpoint)
    state._metadata = 3
    torch.save(state, checkpoint)
    assert same_tensors(loaded(PLAIN, str(checkpoint)).state_dict(), state) == state.keys()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        loaded(PLAIN, str(tmp_path / "none.pt"))


def test_a_studys_teacher_is_fine_tuned_from_its_checkpoint(
    tiny: Any, checkpoint: Path, tmp_path: Path
) -> None:
    folder = tiny.copy(tmp_path / "study").with_settings(
        search_space__teacher=Teacher(weights=str(checkpoint)).model_dump(),
        teacher__epochs=1,
        teacher__learning_rate=1e-6,
        seed__epochs=1,
        seed__start="fresh",  # a teacher that gives channels has them in another order
        planting__rows="fresh",
    )
    teacher = folder.objective().prepared(folder.open()).teacher
    state = folder.records.load(teacher).state_dict()
    for name, start in torch.load(checkpoint).items():
        if name.endswith(("weight", "bias")):
            assert torch.allclose(state[name], start, atol=1e-4), name
            assert not torch.equal(state[name], start), name


def test_a_function_of_the_users_makes_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights_of_mine.py").write_text(
        "import torch\n"
        "def saved(): return torch.load(__file__.replace('.py', '.pt'))\n"
        "def none(): return 3\n"
    )
    state = state_of(PLAIN, 10, 1, seed=7)
    torch.save(state, tmp_path / "weights_of_mine.pt")
    monkeypatch.syspath_prepend(tmp_path)
    network, fit = fitted(PLAIN, "weights_of_mine:saved")
    assert same_tensors(network.state_dict(), state) == state.keys()
    assert "tensors from weights_of_mine:saved" in str(fit)
    with pytest.raises(ConfigurationError, match="returned a int, but is to be a function of"):
        loaded(PLAIN, "weights_of_mine:none")


def test_weights_that_a_database_names_are_not_made_unless_they_are_trusted() -> None:
    space = SearchSpace(architecture="plain-small", teacher=Teacher(weights="their:weights"))
    assert code_of(space) == ["their:weights"]
    for weights in ("DEFAULT", "hf-hub:some/one", "C:\\weights.pt", "weights.pt"):
        assert not are_made(weights)
    assert code_of(SearchSpace(architecture="timm/tf_efficientnet_lite0")) == []
