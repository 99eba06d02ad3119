"""Weights come back bit for bit, and half a file or another file is never taken for them."""

import errno
import io
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import optuna
import pytest
import torch
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import FrozenTrial, TrialState
from torch import Tensor, nn

from plantnas.errors import StorageError
from plantnas.records.artifacts import AtomicFileSystemArtifactStore
from plantnas.records.weights import load_weights, save_weights, take_weights


@pytest.fixture
def store(tmp_path: Path) -> AtomicFileSystemArtifactStore:
    return AtomicFileSystemArtifactStore(tmp_path / "weights")


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return network.to(memory_format=torch.channels_last).state_dict()


def test_weights_come_back_bit_for_bit(
    store: AtomicFileSystemArtifactStore, study: optuna.Study, state: dict[str, Tensor]
) -> None:
    loaded = load_weights(store, *save_weights(state, store, study))
    assert loaded.keys() == state.keys()
    for name, tensor in state.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_tied_weights_are_saved(store: AtomicFileSystemArtifactStore, study: optuna.Study) -> None:
    tied = torch.arange(6.0)
    loaded = load_weights(
        store, *save_weights({"a": tied, "b": tied, "c": tied[2:4]}, store, study)
    )
    assert torch.equal(loaded["b"], tied)
    assert torch.equal(loaded["c"], tied[2:4])


def test_the_hash_is_that_of_the_file(
    store: AtomicFileSystemArtifactStore, study: optuna.Study, state: dict[str, Tensor]
) -> None:
    artifact_id, digest = save_weights(state, store, study)
    assert sha256((store.directory / artifact_id).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("owner", ["study", "trial", "frozen trial"])
def test_optuna_lists_the_weights_of_what_they_belong_to(
    store: AtomicFileSystemArtifactStore,
    study: optuna.Study,
    state: dict[str, Tensor],
    owner: str,
) -> None:
    owners: dict[str, optuna.Study | optuna.Trial | FrozenTrial] = {
        "study": study,
        "trial": study.ask(),
        "frozen trial": study.get_trials(states=[TrialState.RUNNING])[0],
    }
    study_or_trial = owners[owner]
    artifact_id, _ = save_weights(state, store, study_or_trial, study._storage)
    (meta,) = get_all_artifact_meta(study_or_trial, storage=study._storage)
    assert (meta.artifact_id, meta.mimetype) == (artifact_id, "application/octet-stream")


def test_missing_weights_are_an_error_of_one_line(
    store: AtomicFileSystemArtifactStore, study: optuna.Study, state: dict[str, Tensor]
) -> None:
    artifact_id, digest = save_weights(state, store, study)
    store.remove(artifact_id)
    with pytest.raises(StorageError, match=f"{store.directory}: weights {artifact_id}: no such"):
        load_weights(store, artifact_id, digest)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:-1] + b"\x7f"])
def test_damaged_weights_are_refused(
    store: AtomicFileSystemArtifactStore,
    study: optuna.Study,
    state: dict[str, Tensor],
    damage: Callable[[bytes], bytes],
) -> None:
    artifact_id, digest = save_weights(state, store, study)
    file = store.directory / artifact_id
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StorageError, match=r"truncated or changed: the SHA-256 of its .* bytes"):
        load_weights(store, artifact_id, digest)


class FullDisk(io.BytesIO):
    """Content whose copying stops half way, as on a full disk."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().read(4)


def test_a_full_disk_is_an_error_of_one_line_and_leaves_no_file(
    store: AtomicFileSystemArtifactStore,
) -> None:
    with pytest.raises(StorageError) as caught:
        store.write("weights", FullDisk(b"12345678"))
    assert str(caught.value) == f"{store.directory}: cannot be written to: No space left on device."
    assert list(store.directory.iterdir()) == []


def test_a_full_disk_leaves_earlier_content_as_it_was(store: AtomicFileSystemArtifactStore) -> None:
    store.write("weights", io.BytesIO(b"earlier"))
    with pytest.raises(StorageError):
        store.write("weights", FullDisk(b"12345678"))
    assert (store.directory / "weights").read_bytes() == b"earlier"


def test_a_write_that_the_system_stops_leaves_no_file(store: AtomicFileSystemArtifactStore) -> None:
    """The operating system itself refuses here: the process may not write more than 64 bytes."""
    script = f"""
import io, resource
from plantnas.errors import StorageError
from plantnas.records.artifacts import AtomicFileSystemArtifactStore
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
try:
    AtomicFileSystemArtifactStore({str(store.directory)!r}).write("weights", io.BytesIO(bytes(500)))
except StorageError as error:
    print(error)
"""
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    assert process.stdout == f"{store.directory}: cannot be written to: File too large.\n"
    assert list(store.directory.iterdir()) == []


def test_a_file_in_the_way_of_the_folder_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = AtomicFileSystemArtifactStore(tmp_path / "file" / "weights")
    with pytest.raises(StorageError, match="cannot be written to: Not a directory"):
        store.write("weights", io.BytesIO(b"1"))


def test_an_artifact_outside_the_folder_is_refused(store: AtomicFileSystemArtifactStore) -> None:
    with pytest.raises(StorageError, match="is not a name within it"):
        store.write("../elsewhere", io.BytesIO(b"1"))


def test_weights_of_other_widths_are_refused_in_one_line() -> None:
    with pytest.raises(StorageError, match="size mismatch for weight") as raised:
        take_weights(nn.Linear(3, 2), nn.Linear(4, 2).state_dict())
    assert "\n" not in str(raised.value)
