"""The weights of networks as safetensors files in an Optuna artifact store, checked by their hash.

A file holds the full state of a network and opens without its ancestors. Which network it belongs
to is in ``database.py``.
"""

import shutil
from collections.abc import Mapping
from hashlib import sha256 as sha256_of
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

import safetensors.torch
from optuna import Study, Trial
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from torch import Tensor

from plantnas.errors import StorageError
from plantnas.files import write_atomically

if TYPE_CHECKING:
    from optuna.artifacts._protocol import ArtifactStore


class AtomicFileSystemArtifactStore(FileSystemArtifactStore):
    """Optuna's store of artifacts in a folder, but a file is either complete or not there.

    Attributes:
        directory: The folder; made on the first write.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.directory = Path(directory)

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write an artifact under a temporary name, sync it to the disk, and rename it.

        Raises:
            StorageError: If the disk is full, or the folder cannot be written to.
        """
        path = self._get_filepath(artifact_id)
        try:
            write_atomically(path, lambda file: shutil.copyfileobj(content_body, file))
        except OSError as error:
            raise _cannot_write(self.directory, error) from error


def save_weights(
    state_dict: Mapping[str, Tensor],
    store: "ArtifactStore",
    study_or_trial: Study | Trial | FrozenTrial,
    storage: BaseStorage | None = None,
) -> tuple[str, str]:
    """Upload a network's state as an artifact of a study or trial.

    Args:
        state_dict: Tensors of any shape, device and memory format; tied ones are saved twice.
        store: Where to; an ``AtomicFileSystemArtifactStore`` never leaves half a file.
        study_or_trial: What the artifact belongs to, for Optuna and its dashboard.
        storage: Optuna's storage; needed with a ``FrozenTrial`` only.

    Returns:
        The artifact id, and the hexadecimal SHA-256 of the file.

    Raises:
        StorageError: If it cannot be written. Optuna's link to it remains, then, and leads nowhere.
    """
    # Clones, since safetensors refuses tensors that share memory, as tied ones do.
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in state_dict.items()}
    content = safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()})
    with TemporaryDirectory(prefix="plantnas-") as directory:
        file = Path(directory) / "weights.safetensors"
        try:
            file.write_bytes(content)
        except OSError as error:
            raise _cannot_write(directory, error) from error
        artifact_id = upload_artifact(
            artifact_store=store,
            file_path=str(file),
            study_or_trial=study_or_trial,
            storage=storage,
            mimetype="application/octet-stream",
        )
    return artifact_id, sha256_of(content).hexdigest()


def load_weights(store: "ArtifactStore", artifact_id: str, sha256: str) -> dict[str, Tensor]:
    """Read what ``save_weights`` wrote.

    Args:
        store: Where from.
        artifact_id: As ``save_weights`` returned it.
        sha256: The hash that the file must have.

    Returns:
        The state of the network, on the CPU.

    Raises:
        StorageError: If the file is missing, truncated or another one.
    """
    place = f"{getattr(store, 'directory', type(store).__name__)}: weights {artifact_id}"
    try:
        with store.open_reader(artifact_id) as file:
            content = file.read()
    except ArtifactNotFound as error:
        raise StorageError(f"{place}: no such file.") from error
    except OSError as error:
        raise StorageError(f"{place}: cannot be read: {error.strerror}.") from error
    found = sha256_of(content).hexdigest()
    if found != sha256:
        raise StorageError(
            f"{place}: truncated or changed: the SHA-256 of its {len(content)} bytes is "
            f"{found[:12]}..., recorded is {sha256[:12]}..."
        )
    return safetensors.torch.load(content)


def _cannot_write(directory: str | Path, error: OSError) -> StorageError:
    return StorageError(f"{directory}: cannot be written to: {error.strerror or error}.")
