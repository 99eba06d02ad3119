"""A study whose wiring is triangular: networks run inside others, and files have no zeros."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import plantnas
from plantnas.baselines.finishing import finish_networks, plan_for
from plantnas.channels.costs.parameters import parameters_of
from plantnas.channels.groups import analyse
from plantnas.channels.structure import classifier_tensors
from plantnas.errors import StudyError, UnsupportedArchitecture
from plantnas.place import Place
from plantnas.records.family import load_family
from plantnas.report.export.choice import Wanted
from plantnas.report.export.saving import Files, save
from plantnas.report.front import lineage
from plantnas.report.latency import latencies
from plantnas.report.study_data import study_data

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.records.record import NetworkRecord
    from tests.conftest import StudyFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[0, 3], ids=["alone", "ahead"])
def study(
    brief: StudyFolder, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> StudyFolder:
    """A study of two steps after all its trials; it was ended after the first and went on."""
    folder = replace(brief, directory=tmp_path_factory.mktemp("triangular")).with_settings(
        search_space__wiring="triangular",
        search__minimum_growth=1.2,
        planting__rows="fitted",
        search__probes=request.param,
    )
    folder.run(trials=1)
    folder.run()
    return folder


@pytest.fixture(scope="module")
def line(study: StudyFolder) -> list[NetworkRecord]:
    """The last grown network behind its ancestors."""
    networks = study.records.networks()
    last = max(networks, key=lambda each: ((each.step or 0), each.kind == "grow"))
    line = lineage(networks, last)
    assert [each.step for each in line] == [0, 1, 2]
    return line


@pytest.fixture(scope="module")
def networks(study: StudyFolder, line: list[NetworkRecord]) -> list[nn.Module]:
    return [plantnas.load_network(study.url, study.config.name, each.id) for each in line]


@pytest.fixture(scope="module")
def images(study: StudyFolder) -> Tensor:
    return plantnas.load_images(study.url, study.config.name)[0]


def features(network: nn.Module, images: Tensor) -> list[Tensor]:
    """What each layer of the body makes; the last is the classifier's input."""
    found, x = list[Tensor](), images
    with torch.no_grad():
        for layer in network.features:
            x = layer(x)
            found.append(x)
    return found


def test_a_loaded_network_has_the_parameters_that_are_recorded(
    study: StudyFolder, line: list[NetworkRecord], networks: list[nn.Module]
) -> None:
    assert [parameters_of(network) for network in networks] == [each.parameters for each in line]
    assert line[-1].parameters < parameters_of(study.records.build(line[-1].widths))


def test_a_loaded_network_is_as_accurate_as_was_recorded(
    study: StudyFolder, line: list[NetworkRecord], networks: list[nn.Module], images: Tensor
) -> None:
    _, labels = plantnas.load_images(study.url, study.config.name)
    for record, network in zip(line, networks, strict=True):
        accuracy = (network(images).argmax(1) == labels).double().mean().item()
        assert accuracy == record.evaluations[0].accuracy


def test_every_activation_of_a_parent_is_in_its_child_bit_for_bit(
    networks: list[nn.Module], images: Tensor
) -> None:
    for parent, child in pairwise(networks):
        for old, new in zip(features(parent, images), features(child, images), strict=True):
            assert torch.equal(old, new[:, : old.shape[1]])


def test_planted_channels_and_the_classifier_are_trained_and_nothing_else(
    study: StudyFolder, line: list[NetworkRecord]
) -> None:
    parent, child = (study.records.load_whole(record) for record in line[1:])
    structure = analyse(child, study.records.example)
    cropped = plantnas.crop(child, study.records.example, line[1].widths).state_dict()
    changed = {
        name for name, old in parent.state_dict().items() if not torch.equal(old, cropped[name])
    }
    counts = {name for name in cropped if name.endswith("num_batches_tracked")}
    assert changed - counts == classifier_tensors(structure)


def saved(study: StudyFolder, asked: Wanted, files: Files) -> str:
    return "\n".join(save(study.url, study.config.name, asked, files))


@torch.inference_mode()
def test_a_state_dict_has_the_parameters_that_are_recorded(
    study: StudyFolder,
    line: list[NetworkRecord],
    networks: list[nn.Module],
    images: Tensor,
    tmp_path: Path,
) -> None:
    told = saved(study, Wanted(line[-1].id), Files(output=tmp_path / "network.pt"))
    names: dict[str, Any] = {}
    exec(told.partition("which this loads:")[2], names)  # the snippet, as it is shown
    assert torch.equal(names["network"](images), networks[-1](images))
    assert parameters_of(names["network"]) == line[-1].parameters


def test_an_onnx_file_has_the_parameters_that_are_recorded(
    study: StudyFolder, line: list[NetworkRecord], networks: list[nn.Module], tmp_path: Path
) -> None:
    import onnx

    path = tmp_path / "network.onnx"
    assert "onnxruntime differs by at most" in saved(study, Wanted(line[-1].id), Files(output=path))
    weights = [each for each in onnx.load(path).graph.initializer if each.data_type == 1]
    buffers = sum(each.numel() for each in networks[-1].buffers() if each.is_floating_point())
    numbers = sum(onnx.numpy_helper.to_array(each).size for each in weights)
    assert line[-1].parameters <= numbers <= line[-1].parameters + buffers


def test_a_torch_program_has_the_parameters_that_are_recorded(
    study: StudyFolder, line: list[NetworkRecord], tmp_path: Path
) -> None:
    path = tmp_path / "network.pt2"
    saved(study, Wanted(line[-1].id), Files(output=path))
    program = torch.export.load(path)
    assert sum(each.numel() for each in program.parameters()) == line[-1].parameters


@torch.inference_mode()
def test_a_family_file_has_each_network_and_no_zeros(
    study: StudyFolder,
    line: list[NetworkRecord],
    networks: list[nn.Module],
    images: Tensor,
    tmp_path: Path,
) -> None:
    path = tmp_path / "family.safetensors"
    saved(study, Wanted(line[-1].id), Files(family=path))
    for step, network in enumerate(networks):
        loaded = load_family(path, step)
        assert torch.equal(loaded(images), network(images))
        assert parameters_of(loaded) == line[step].parameters


@torch.inference_mode()
def test_a_crop_to_other_widths_is_wired_as_its_source(
    study: StudyFolder, line: list[NetworkRecord], images: Tensor, tmp_path: Path
) -> None:
    widths = {name: (width + line[1].widths[name]) // 2 for name, width in line[-1].widths.items()}
    files = Files(output=tmp_path / "crop.pt")
    told = saved(study, Wanted(line[-1].id, widths=widths), files)
    names: dict[str, Any] = {}
    exec(told.partition("which this loads:")[2], names)
    count = parameters_of(names["network"])
    assert f"{count:,} parameters" in told
    assert count < parameters_of(study.records.build(widths))


def test_a_finished_network_is_dense_and_compared_to_nothing(
    study: StudyFolder, line: list[NetworkRecord]
) -> None:
    plan = plan_for(study.records, Wanted(line[-1].id))
    place = Place(study.config.name, study.url, study.directory)
    (record,) = finish_networks(place, plan, "cpu", lambda message: None)
    assert record.widths == line[-1].widths
    assert record.parameters == parameters_of(study.records.load(record)) > line[-1].parameters
    assert record.baseline is None


def test_latencies_are_of_networks_as_they_run(study: StudyFolder) -> None:
    recorded = study_data(study.records)
    grown = [each for each in recorded.networks if each.kind == "grow"]
    assert all(value > 0 for value in latencies(recorded, grown, seconds=0.01).values())


NORMED = """
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.inner = nn.GroupNorm(1, 8), nn.Conv2d(8, 16, 1)
        self.outer = nn.Conv2d(16, 8, 1)
    def forward(self, x):
        return x + self.outer(self.inner(self.norm(x)).relu())

def network(num_classes, in_channels):
    stem, pool = nn.Conv2d(in_channels, 8, 3), nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(stem, Block(), pool, nn.Flatten(), nn.Linear(8, num_classes))
"""


def test_an_architecture_that_it_cannot_be_is_refused_before_anything_is_trained(
    brief: StudyFolder, folder: Path
) -> None:
    (folder / "normed.py").write_text(NORMED)
    asked = {"search_space__architecture": "normed:network", "search_space__wiring": "triangular"}
    study = replace(brief, directory=folder / "study").with_settings(**asked)
    with pytest.raises(UnsupportedArchitecture, match=r"reach .*group_norm.* Use search_space"):
        study.objective().prepared(study.open())
    with pytest.raises(StudyError, match="has none yet"):
        study.records.networks()
