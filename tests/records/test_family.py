"""A family file gives every network of a lineage back to the last bit, and stores little for it."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from plantnas.errors import (
    ArgumentError,
    ConfigurationError,
    PlantnasError,
    StorageError,
    StudyError,
)
from plantnas.networks.plain import plain_small
from plantnas.records.family import load_family, save_family
from plantnas.records.record import NetworkRecord
from plantnas.records.study import load_network
from plantnas.report.front import lineage
from plantnas.report.images import load_images


@pytest.fixture(scope="module")
def line(finished: Any) -> list[NetworkRecord]:
    """The last grown network of the study behind its ancestors."""
    networks = finished.records.networks()
    grown = [network for network in networks if network.kind == "grow"]
    line = lineage(networks, max(grown, key=lambda network: network.step or 0))
    assert [network.step for network in line] == [0, 1, 2]
    return line


@pytest.fixture(scope="module")
def family(
    finished: Any, line: list[NetworkRecord], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("family") / "family.safetensors"
    save_family(path, finished.records, line)
    return path


@torch.inference_mode()
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_step_has_the_recorded_networks_validation_logits(
    finished: Any, line: list[NetworkRecord], family: Path, step: int
) -> None:
    images, labels = load_images(finished.url, "tiny")
    network = load_family(family, step)
    logits = network(images)
    assert not network.training
    assert torch.equal(logits, load_network(finished.url, "tiny", line[step].id)(images))
    accuracy = (logits.argmax(1) == labels).sum().item() / len(labels)
    assert accuracy == line[step].evaluations[0].accuracy


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("resnet20", "features.0: unknown channel group. Allowed: conv1, "),
        (plain_small(9, 1), "size mismatch for classifier.weight"),
        (nn.Conv2d(1, 4, 3), "Conv2d: no channel group can grow"),
    ],
)
def test_a_model_that_is_of_another_architecture_is_one_line(
    family: Path, model: object, problem: str
) -> None:
    begins = f"model: is not of the architecture of {family}, 'plain-small': {problem}"
    with pytest.raises(ArgumentError, match=f"^{re.escape(begins)}"):
        load_family(family, model=model)


def test_the_last_step_is_what_is_loaded_unless_told(
    family: Path, line: list[NetworkRecord]
) -> None:
    parameters = load_family(family).parameters()
    assert sum(parameter.numel() for parameter in parameters) == line[-1].parameters


def test_only_the_last_step_stores_convolutions(family: Path) -> None:
    convolutions = {
        name for name, tensor in safetensors.torch.load_file(family).items() if tensor.ndim == 4
    }
    assert convolutions == {f"2/features.{index}.weight" for index in (0, 3, 7, 10)}


def test_the_file_tells_of_every_step(family: Path, line: list[NetworkRecord]) -> None:
    with safetensors.safe_open(family, "pt") as file:
        about = json.loads(file.metadata()["plantnas"])
    assert about["architecture"] == "plain-small"
    assert about["images"]["num_classes"] == 10
    assert [step["widths"] for step in about["steps"]] == [network.widths for network in line]
    assert [step["planted"] for step in about["steps"]] == [network.planted for network in line]
    accuracies = [step["evaluations"][0]["accuracy"] for step in about["steps"]]
    assert accuracies == [network.evaluations[0].accuracy for network in line]


def test_a_network_that_is_no_crop_of_the_last_is_refused(
    finished: Any, line: list[NetworkRecord], tmp_path: Path
) -> None:
    records = finished.records
    teacher = next(each for each in records.networks() if each.method == "teacher")
    with pytest.raises(StudyError, match=r"features.0.weight was trained again"):
        save_family(tmp_path / "family", records, [line[0], replace(teacher, step=1)])
    assert not list(tmp_path.iterdir())


def test_steps_that_would_overwrite_each_other_are_refused(
    finished: Any, line: list[NetworkRecord], tmp_path: Path
) -> None:
    twice = [line[0], replace(line[1], step=0), line[2]]
    with pytest.raises(StorageError, match="step 0 would not be read as it was recorded"):
        save_family(tmp_path / "family", finished.records, twice)
    assert not list(tmp_path.iterdir())


def test_a_step_that_is_not_in_it_is_told_with_those_that_are(family: Path) -> None:
    with pytest.raises(StorageError, match="has no step 3: its steps are 0, 1, 2"):
        load_family(family, 3)


def test_a_truncated_file_is_refused(family: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.write_bytes(family.read_bytes()[:-8])
    with pytest.raises(StorageError, match="half: is no family file, or a damaged one"):
        load_family(half)


def test_another_safetensors_file_is_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"weight": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(StorageError, match="other: is no family file"):
        load_family(tmp_path / "other")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="none: cannot be read: No such file"):
        load_family(tmp_path / "none")


def rewritten(family: Path, path: Path, **changes: Any) -> Path:
    """The family file with other values of some keys of what it says of itself; None: without."""
    with safetensors.safe_open(family, "pt") as file:
        about = json.loads(file.metadata()["plantnas"]) | changes
    kept = {key: value for key, value in about.items() if value is not None}
    tensors = safetensors.torch.load_file(family)
    safetensors.torch.save_file(tensors, path, {"plantnas": json.dumps(kept)})
    return path


def test_a_file_runs_no_code_that_it_names_unless_that_is_trusted(
    family: Path, tmp_path: Path, folder: Path
) -> None:
    (folder / "evil.py").write_text(
        "from pathlib import Path\nfrom plantnas.networks.plain import plain_small as net\n"
        "Path('ran').touch()\n"
    )
    path = rewritten(family, tmp_path / "evil", architecture="evil:net")
    with pytest.raises(ConfigurationError, match=r"'evil:net' would run code that .*evil names"):
        load_family(path)
    assert not (folder / "ran").exists()
    assert torch.equal(
        load_family(path, trust=True).state_dict()["features.0.weight"],
        load_family(family).state_dict()["features.0.weight"],
    )
    assert (folder / "ran").exists()


def test_a_file_does_not_call_what_is_installed_either(family: Path, tmp_path: Path) -> None:
    path = rewritten(family, tmp_path / "hub", architecture="torch.hub:load")
    with pytest.raises(ConfigurationError, match=r"'torch.hub:load' would run code"):
        load_family(path)


def test_a_file_makes_no_library_read_another_one(family: Path, tmp_path: Path) -> None:
    changes = {"architecture": "timm/resnet18", "arguments": {"checkpoint_path": "/etc/hosts"}}
    with pytest.raises(ConfigurationError, match=r"'timm/resnet18' would run code"):
        load_family(rewritten(family, tmp_path / "timm", **changes))


IMAGES = {"num_classes": 10, "channels": 1, "height": 8, "width": 8, "fingerprint": "x"}


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": []},
        {"steps": None},
        {"steps": [{"step": 0}]},
        {"steps": [{"step": "0", "widths": {}}]},
        {"steps": [{"step": 0, "widths": {"features.0": 10**9}}]},
        {"steps": [{"step": 0, "widths": {"features.0": -1}}]},
        {"steps": [{"step": 0, "widths": {"nowhere": 3}}]},
        {"images": {}},
        {"images": IMAGES | {"mean": [0.0], "std": [1.0], "height": "tall"}},
        {"images": IMAGES | {"mean": [0.0], "std": [1.0], "height": 10**9}},
        {"images": IMAGES | {"mean": [0.0], "std": [1.0], "num_classes": 3}},
        {"architecture": "vgg-cifar"},
        {"architecture": 3},
        {"arguments": [1]},
        {"arguments": {"nowhere": 3}},
        {"wiring": "round"},
        {"wiring": "triangular"},
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused_in_one_line(
    family: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = rewritten(family, tmp_path / "other", **changes)
    with pytest.raises(PlantnasError) as error:
        load_family(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_gives_finite_weights_or_one_line(
    family: Path, tmp_path: Path, seed: int
) -> None:
    path, generator = tmp_path / "damaged", random.Random(seed)
    content = bytearray(family.read_bytes())
    for _ in range(generator.choice([1, 3, 30])):
        place = generator.randrange(generator.choice([8, 2000, len(content)]))
        content[place] = generator.randrange(256)
    path.write_bytes(content)
    try:
        state = load_family(path).state_dict()
    except PlantnasError as error:
        assert "\n" not in str(error)  # noqa: PT017  # most are refused, and some are harmless
    else:
        assert all(tensor.isfinite().all() for tensor in state.values())
