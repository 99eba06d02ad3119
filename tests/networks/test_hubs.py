"""Pretrained networks of timm and of Hugging Face's hub; none of the tests reaches for one."""

import json
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import save_file

from plantnas.errors import ConfigurationError
from plantnas.networks.hubs import pretrained_state
from plantnas.networks.loader import build_network
from plantnas.networks.preprocessing import preprocessing_of
from plantnas.search_space import SearchSpace, Teacher

TIMM = "timm/test_efficientnet"
IN_HUB = "hf-hub:mine/of_mine"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is not reached for."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def pretrained() -> dict[str, torch.Tensor]:
    return build_network(TIMM, 1000, 3, seed=7).state_dict()


def space_of(weights: str, **arguments: Any) -> SearchSpace:
    return SearchSpace(architecture=TIMM, arguments=arguments, teacher=Teacher(weights=weights))


@pytest.fixture
def in_cache(tmp_path: Path) -> Path:
    """A folder as Hugging Face's hub keeps what it has downloaded."""
    files = tmp_path / "models--mine--of_mine/snapshots/0123"
    files.mkdir(parents=True)
    (tmp_path / "models--mine--of_mine/refs").mkdir()
    (tmp_path / "models--mine--of_mine/refs/main").write_text("0123")
    prepared = {"mean": [0.1, 0.2, 0.3], "std": [1, 1, 1], "crop_pct": 0.9, "crop_mode": "squash"}
    about = {"architecture": "test_efficientnet", "num_classes": 1000, "pretrained_cfg": prepared}
    (files / "config.json").write_text(json.dumps(about))
    save_file(pretrained(), files / "model.safetensors")
    return tmp_path


def test_default_is_what_timm_has(tmp_path: Path) -> None:
    torch.save(pretrained(), tmp_path / "it.pth")
    overlay = {"file": str(tmp_path / "it.pth")}
    state = pretrained_state(space_of("DEFAULT", pretrained_cfg_overlay=overlay), "DEFAULT")
    assert all(torch.equal(state[name], tensor) for name, tensor in pretrained().items())


def test_a_name_of_the_hub_is_found_with_its_preprocessing(in_cache: Path, offline: None) -> None:
    space = space_of(IN_HUB, cache_dir=str(in_cache))
    state, found = pretrained_state(space, IN_HUB), preprocessing_of(space)
    assert all(torch.equal(state[name], tensor) for name, tensor in pretrained().items())
    assert found is not None
    assert (found.mean, found.crop, found.resize) == ((0.1, 0.2, 0.3), 0.9, "both")


@pytest.mark.parametrize("weights", ["DEFAULT", IN_HUB])
def test_a_hub_that_cannot_be_reached_is_one_line(
    weights: str, tmp_path: Path, offline: None
) -> None:
    with pytest.raises(ConfigurationError, match=rf"weights: {weights}: cannot be had: .+") as told:
        pretrained_state(space_of(weights, cache_dir=str(tmp_path)), weights)
    assert "\n" not in str(told.value)


def test_an_architecture_is_no_name_of_the_hub() -> None:
    with pytest.raises(ConfigurationError, match="hub has weights, for search_space"):
        build_network("timm/hf-hub:timm/resnet18.a1_in1k", 10, 3)
