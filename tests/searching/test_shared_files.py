"""A file is made once for all machines; what is lost or damaged is made again."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
import torch
from optuna.artifacts import get_all_artifact_meta

from plantnas.errors import StorageError
from plantnas.records.artifacts import AtomicFileSystemArtifactStore
from plantnas.searching.shared_files import SharedFiles
from plantnas.training.logits import load_logits, save_logits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

LOGITS = torch.arange(12.0).view(2, 3, 2)
COMPUTING = "computing the teacher's logits on the train images"
FETCHING = "fetching the teacher's logits on the train images"


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(study_name="digits")


class Machine:
    """A machine with a folder of its own, and what it did."""

    def __init__(self, study: optuna.Study, folder: Path, artifacts: Path) -> None:
        folder.mkdir()
        self.path = folder / "teacher-logits-train-feed-beef.npy"
        self.done: list[str] = []
        store = AtomicFileSystemArtifactStore(artifacts)
        self.shared = SharedFiles(study, store, self.alone, self.done.append)

    @contextmanager
    def alone(self, purpose: str, say: Callable[[str], None]) -> Iterator[None]:
        self.done.append(f"alone: {purpose}")
        yield

    def logits(self, compute: Callable[[], Tensor] = lambda: LOGITS) -> Tensor:
        content = "teacher's logits on the train images"
        self.shared.see_to(self.path, content, lambda path: save_logits(path, compute()))
        return load_logits(self.path)

    def unlocked(self) -> list[str]:
        return [each for each in self.done if not each.startswith("alone")]


@pytest.fixture
def machine(study: optuna.Study, tmp_path: Path) -> Callable[[], Machine]:
    """Another machine each time, of the same study and with the same store."""
    names = iter("abc")
    return lambda: Machine(study, tmp_path / next(names), tmp_path / "artifacts")


def test_the_first_machine_computes_alone(machine: Callable[[], Machine]) -> None:
    first = machine()
    assert torch.equal(first.logits(), LOGITS)
    purpose = "computes teacher-logits-train-feed-beef of study 'digits'"
    assert first.done == [f"alone: {purpose}", COMPUTING]


def test_a_machine_reads_its_file_from_then_on(machine: Callable[[], Machine]) -> None:
    first = machine()
    first.logits()
    first.done.clear()
    assert torch.equal(first.logits(), LOGITS)
    assert first.done == []


def test_another_machine_fetches_the_same_bytes(machine: Callable[[], Machine]) -> None:
    first, second = machine(), machine()
    first.logits()
    assert torch.equal(second.logits(not_to_be_computed), LOGITS)
    assert second.done == [FETCHING]
    assert second.path.read_bytes() == first.path.read_bytes()


def not_to_be_computed() -> Tensor:
    raise AssertionError("computed twice")


def test_nothing_else_is_left_in_the_folder(machine: Callable[[], Machine]) -> None:
    for each in (machine(), machine()):
        each.logits()
        names = {path.name for path in each.path.parent.iterdir()}
        assert names == {each.path.name, each.path.with_suffix(".lock").name}


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b""])
def test_damaged_logits_are_told_of_and_computed_again(
    machine: Callable[[], Machine], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    first, second, third = machine(), machine(), machine()
    first.logits()
    (file,) = (tmp_path / "artifacts").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert torch.equal(second.logits(), LOGITS)
    assert second.done[0] == FETCHING
    assert "truncated or changed" in second.done[1]
    assert second.done[-1] == COMPUTING
    assert torch.equal(third.logits(not_to_be_computed), LOGITS)


def test_a_link_of_a_crash_leads_nowhere_and_is_passed_over(
    machine: Callable[[], Machine], tmp_path: Path
) -> None:
    first, second, third = machine(), machine(), machine()
    first.logits()
    for file in (tmp_path / "artifacts").iterdir():
        file.unlink()
    assert torch.equal(second.logits(), LOGITS)
    assert any("no such file" in each for each in second.done)
    assert torch.equal(third.logits(not_to_be_computed), LOGITS)


def test_logits_of_another_teacher_are_not_taken(
    study: optuna.Study, machine: Callable[[], Machine]
) -> None:
    first, second = machine(), machine()
    first.logits()
    second.path = second.path.with_name("teacher-logits-train-f00d-beef.npy")
    second.logits()
    assert second.unlocked() == [COMPUTING]
    assert len(get_all_artifact_meta(study)) == 2


def test_what_another_machine_made_meanwhile_is_fetched(machine: Callable[[], Machine]) -> None:
    first, second = machine(), machine()

    @contextmanager
    def after_the_first(purpose: str, say: Callable[[str], None]) -> Iterator[None]:
        first.logits()
        yield

    study, store, _, say = vars(second.shared).values()
    second.shared = SharedFiles(study, store, after_the_first, say)
    second.logits(not_to_be_computed)
    assert second.done == [FETCHING]


def test_a_store_that_cannot_be_written_to_leaves_no_file(
    study: optuna.Study, tmp_path: Path
) -> None:
    (tmp_path / "artifacts").write_bytes(b"in the way")
    machine = Machine(study, tmp_path / "a", tmp_path / "artifacts")
    with pytest.raises(StorageError, match="artifacts: cannot be written to"):
        machine.logits()
    assert not machine.path.exists()
