"""Checkpoints as people have them: the state is found in them, and the names of its tensors."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from plantnas.errors import ConfigurationError
from plantnas.networks.checkpoints import read_checkpoint, unwrapped

TRAINED = {"0.weight": torch.zeros(2, 2), "0.bias": torch.zeros(2)}
AVERAGED = {name: tensor + 1 for name, tensor in TRAINED.items()}


def read(folder: Path, content: Any) -> tuple[float, str]:
    """The first entry of the state that is found, and where it was."""
    torch.save(content, folder / "it.pt")
    state, source = read_checkpoint(str(folder / "it.pt"), "here")
    return float(state["0.bias"][0]), source


@pytest.mark.parametrize(
    ("content", "source"),
    [
        (TRAINED, "it.pt"),
        ({"state_dict": TRAINED, "optimizer": {"state": {}}}, "'state_dict'"),
        ({"model_state_dict": TRAINED, "epoch": 3}, "'model_state_dict'"),
        ({"model": {"state_dict": TRAINED}}, "'state_dict' of 'model'"),
        ({"module": TRAINED, "ema": 0.999}, "'module'"),
        ({"model": TRAINED, "model_ema": {}}, "'model'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_state_is_found_below_the_keys_that_people_have(
    tmp_path: Path, content: Any, source: str
) -> None:
    assert read(tmp_path, content) == (0.0, source)


@pytest.mark.parametrize("key", ["state_dict_ema", "model_ema", "ema"])
def test_averaged_weights_come_first_and_it_is_told(tmp_path: Path, key: str) -> None:
    told = f"{key!r}, averaged weights, in place of 'state_dict'"
    assert read(tmp_path, {"state_dict": TRAINED, key: AVERAGED}) == (1.0, told)


def test_a_file_of_safetensors_is_read(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    safetensors.torch.save_file(AVERAGED, path)
    state, source = read_checkpoint(str(path), "here")
    assert (state.keys(), source) == (AVERAGED.keys(), "it.safetensors")
    assert torch.equal(state["0.bias"], AVERAGED["0.bias"])


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"PK\x03\x04"])
def test_a_damaged_file_of_safetensors_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "it.safetensors"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^here: is no safetensors file, or a damaged"):
        read_checkpoint(str(path), "here")


def named(*names: str) -> dict[str, Tensor]:
    return dict.fromkeys(names, torch.zeros(1))


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "model._orig_mod."])
def test_what_stands_before_all_names_is_stripped(prefix: str) -> None:
    found = unwrapped(named(f"{prefix}0.bias", f"{prefix}1.weight"), {"0.bias", "1.weight"})
    assert (list(found.state), found.prefix) == (["0.bias", "1.weight"], prefix)


def test_a_networks_own_names_stay() -> None:
    found = unwrapped(named("module.model.0.bias"), {"model.0.bias"})
    assert (list(found.state), found.prefix) == (["model.0.bias"], "module.")


def test_what_is_beside_a_network_is_told_but_for_the_count_of_averages() -> None:
    found = unwrapped(named("model.0.bias", "loss.weight", "n_averaged"), {"0.bias"})
    assert (list(found.state), found.beside) == (["0.bias"], ["loss.weight"])
