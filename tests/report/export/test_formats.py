"""An exported file computes what the network computes, on any number of images."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plantnas.errors import ConfigurationError, UnsupportedArchitecture
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords, load_network
from plantnas.report.export.formats import (
    SNIPPET,
    about_network,
    checked_format,
    onnx_file,
    program_file,
    state_dict_file,
)
from plantnas.report.images import load_images
from plantnas.training.data import load_dataset
from plantnas.training.seeds import derived_seed
from tests.conftest import StudyFolder


@pytest.fixture(scope="module")
def seed(prepared: Any) -> tuple[nn.Module, Tensor, dict[str, Any]]:
    """The seed's network, validation images, and what its files say of it."""
    database = Database(prepared.url)
    record = next(
        each for each in StudyRecords(database, "tiny").networks() if each.method == "seed"
    )
    about = about_network(database.study("tiny"), record.widths)
    return (
        load_network(prepared.url, "tiny", record.id),
        load_images(prepared.url, "tiny")[0],
        about,
    )


Seed = tuple[nn.Module, Tensor, dict[str, Any]]


@torch.inference_mode()
def test_the_snippet_loads_a_state_dict(seed: Seed, tmp_path: Path) -> None:
    network, images, about = seed
    path = tmp_path / "seed.pt"
    path.write_bytes(state_dict_file(network, about))
    names: dict[str, Any] = {}
    exec(SNIPPET.format(path=str(path)), names)
    assert torch.equal(names["network"](images), network(images))


def test_a_state_dict_is_plain_and_says_how_wide_it_is(seed: Seed, tmp_path: Path) -> None:
    network, _, about = seed
    (tmp_path / "seed.pt").write_bytes(state_dict_file(network, about))
    state = torch.load(tmp_path / "seed.pt", weights_only=True)
    assert state.keys() == network.state_dict().keys()
    assert state._metadata["plantnas"] == about
    assert about["widths"]["features.0"] == state["features.0.weight"].shape[0]


def test_pixels_are_normalised_by_what_a_file_says(seed: Seed, prepared: StudyFolder) -> None:
    _, images, about = seed
    config = prepared.config
    dataset = load_dataset(config.data, derived_seed(config.random_seed, "split"))
    mean, std = (torch.tensor(about[name]).reshape(-1, 1, 1) for name in ("mean", "std"))
    torch.testing.assert_close((dataset.validation.pixels - mean) / std, images)


@torch.inference_mode()
def test_a_program_computes_the_same(seed: Seed, tmp_path: Path) -> None:
    network, images, about = seed
    content, difference = program_file(network, images, about)
    (tmp_path / "seed.pt2").write_bytes(content)
    extra_files = {"plantnas.json": ""}
    loaded = torch.export.load(tmp_path / "seed.pt2", extra_files=extra_files).module()
    assert difference < 1e-4
    assert json.loads(extra_files["plantnas.json"]) == about
    for batch in (images[:1], images[:7]):
        torch.testing.assert_close(loaded(batch), network(batch))


def test_onnxruntime_computes_the_same(seed: Seed) -> None:
    import onnxruntime

    network, images, about = seed
    content, difference = onnx_file(network, images, about)
    session = onnxruntime.InferenceSession(content)
    assert difference < 1e-4
    assert json.loads(session.get_modelmeta().custom_metadata_map["plantnas"]) == about
    for batch in (images[:1], images[:7]):
        (logits,) = session.run(["logits"], {"images": batch.numpy()})
        torch.testing.assert_close(
            torch.from_numpy(logits), network(batch).detach(), rtol=1e-4, atol=1e-4
        )


class _ReadsValues(nn.Module):
    """Its path depends on the images' values, which no exporter can follow."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) if images.sum() > 0 else -images.flatten(1)


class _ChangesWhenItRuns(nn.Module):
    """Computes something else in each call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return images.flatten(1) * self.calls


@pytest.mark.parametrize(
    ("network", "reason"),
    [(_ReadsValues(), "."), (_ChangesWhenItRuns(), "its logits would differ by up to")],
)
def test_what_cannot_be_exported_is_refused_in_one_line(network: nn.Module, reason: str) -> None:
    with pytest.raises(UnsupportedArchitecture, match=f"torch.export cannot export it: {reason}"):
        program_file(network.eval(), torch.ones(4, 1, 2, 2), {})


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        (None, None, "state-dict"),
        (None, "a.pt", "state-dict"),
        (None, "a.pt2", "pt2"),
        (None, "a.onnx", "onnx"),
        (None, "a.bin", "state-dict"),
        ("pt2", "a.onnx", "pt2"),
    ],
)
def test_the_format_is_the_named_one_or_the_files(
    name: str | None, output: str | None, expected: str
) -> None:
    assert checked_format(name, output and Path(output)) == expected


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"'onx': unknown. Did you mean 'onnx'\?"):
        checked_format("onx", None)


def test_onnx_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    message = r"onnxruntime is not installed: pip install 'plantnas\[onnx\]'"
    with pytest.raises(ConfigurationError, match=message):
        checked_format("onnx", None)
    assert checked_format("pt2", None) == "pt2"
