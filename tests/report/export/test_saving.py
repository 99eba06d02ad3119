"""What is saved is what was asked for, and the lines tell which network it is."""

from pathlib import Path
from typing import Any

import pytest
import torch

from plantnas.errors import ConfigurationError, StorageError, StudyError
from plantnas.records.family import load_family
from plantnas.records.record import NetworkRecord
from plantnas.records.study import load_network
from plantnas.report.export.choice import Wanted, best_within
from plantnas.report.export.saving import Files, save
from plantnas.report.images import load_images


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def best(finished: Any) -> NetworkRecord:
    return best_within("tiny", finished.records.networks())


ANY = Wanted()
BY_DEFAULT = Files()


def saved(finished: Any, wanted: Wanted = ANY, files: Files = BY_DEFAULT) -> str:
    return "\n".join(save(finished.url, "tiny", wanted, files))


@torch.inference_mode()
def test_the_best_network_is_saved_as_a_state_dict_unless_told(
    finished: Any, best: NetworkRecord, here: Path
) -> None:
    told = saved(finished)
    path = here / f"tiny-{best.id}.pt"
    assert list(here.iterdir()) == [path]
    assert told.startswith(f"Network {best.id}: {best.parameters:,} parameters")
    names: dict[str, Any] = {}
    exec(told.partition("which this loads:")[2], names)  # the snippet, as it is shown
    images, _ = load_images(finished.url, "tiny")
    recorded = load_network(finished.url, "tiny", best.id)
    assert torch.equal(names["network"](images), recorded(images))


@pytest.mark.parametrize(
    ("output", "runner"), [("a.pt2", "The loaded program"), ("a.onnx", "onnxruntime")]
)
def test_a_program_is_told_with_its_largest_difference(
    finished: Any, here: Path, output: str, runner: str
) -> None:
    told = saved(finished, files=Files(output=Path(output)))
    assert (here / output).exists()
    assert runner in told
    assert "the logits of 300 validation images" in told


def test_a_family_is_saved_alone_unless_a_format_is_given(
    finished: Any, best: NetworkRecord, here: Path
) -> None:
    told = saved(finished, files=Files(family=Path("family")))
    assert [path.name for path in here.iterdir()] == ["family"]
    assert f"step {best.step}: {best.parameters:,} parameters" in told
    parameters = load_family(here / "family", best.step).parameters()
    assert sum(parameter.numel() for parameter in parameters) == best.parameters
    saved(finished, files=Files(family=Path("second"), format_name="state-dict"))
    assert {path.name for path in here.iterdir()} == {"family", "second", f"tiny-{best.id}.pt"}


def test_an_untrained_crop_is_told_to_be_one(
    finished: Any, best: NetworkRecord, here: Path
) -> None:
    told = saved(finished, Wanted(widths={"features.0": 1}))
    assert (here / f"tiny-{best.id}-crop.pt").exists()
    assert told.startswith(f"A crop of network {best.id}")
    assert "never trained at these widths" in told


def test_the_teacher_is_saved_by_its_number_but_has_no_family(finished: Any, here: Path) -> None:
    networks = finished.records.networks()
    number = next(each.id for each in networks if each.method == "teacher")
    assert saved(finished, Wanted(network_id=number)).startswith(f"Network {number}:")
    with pytest.raises(StudyError, match="is of method 'teacher'"):
        saved(finished, Wanted(network_id=number), Files(family=Path("family")))


def test_a_file_that_exists_is_replaced_only_if_told(finished: Any, here: Path) -> None:
    (here / "a.pt").write_text("mine")
    with pytest.raises(StorageError, match=r"a.pt: exists already"):
        saved(finished, files=Files(output=Path("a.pt")))
    assert (here / "a.pt").read_text() == "mine"
    saved(finished, files=Files(output=Path("a.pt"), replace=True))
    assert torch.load(here / "a.pt", weights_only=True)


def test_nothing_is_saved_if_one_of_two_files_exists(finished: Any, here: Path) -> None:
    (here / "a.pt").touch()
    with pytest.raises(StorageError, match=r"a.pt: exists already"):
        saved(finished, files=Files(family=Path("family"), output=Path("a.pt")))
    assert [path.name for path in here.iterdir()] == ["a.pt"]


def test_one_file_is_not_written_as_two(finished: Any, here: Path) -> None:
    with pytest.raises(StorageError, match=r"a.pt: is the same file as a.pt, which is written too"):
        saved(finished, files=Files(family=Path("a.pt"), output=Path("./a.pt")))
    assert not list(here.iterdir())


def test_the_study_itself_is_not_replaced(finished: Any) -> None:
    weights = finished.directory / "weights"
    for path in (finished.directory / "study.db", next(weights.iterdir()), weights / "new"):
        with pytest.raises(StorageError, match="would replace what is kept in"):
            saved(finished, files=Files(output=path, replace=True))


def test_widths_without_a_network_to_save_are_refused(finished: Any, here: Path) -> None:
    with pytest.raises(ConfigurationError, match="widths: are of one network"):
        saved(finished, Wanted(widths={"features.0": 1}), Files(family=Path("family")))


@torch.inference_mode()
def test_a_teacher_of_another_architecture_is_loaded_without_widths(
    other_teacher: Any, here: Path
) -> None:
    url, network_id = other_teacher.url, 1
    told = "\n".join(save(url, "other", Wanted(network_id), BY_DEFAULT))
    names: dict[str, Any] = {}
    exec(told.partition("which this loads:")[2], names)  # the snippet, as it is shown
    images, _ = load_images(url, "other")
    assert torch.equal(names["network"](images), load_network(url, "other", network_id)(images))
