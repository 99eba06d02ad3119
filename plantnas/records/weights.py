"""The weights of networks as safetensors files in an Optuna artifact store, checked by their hash.

A file holds the full state of a network and opens without its ancestors. Which network it belongs
to is in ``database.py``, the stores are in ``artifacts.py``.
"""

from collections.abc import Mapping
from hashlib import sha256 as sha256_of
from pathlib import Path
from tempfile import TemporaryDirectory

import safetensors.torch
from optuna import Study, Trial
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from torch import Tensor, nn

from plantnas.errors import StorageError
from plantnas.networks.states import load_state
from plantnas.records.artifacts import cannot_write, read_artifact, upload
from plantnas.records.optuna_artifacts import ArtifactStore

WEIGHTS_FILE = "weights.safetensors"
"""The name of the file in Optuna's link to an artifact of weights."""


def save_weights(
    state_dict: Mapping[str, Tensor],
    store: ArtifactStore,
    study_or_trial: Study | Trial | FrozenTrial,
    optuna_storage: BaseStorage | None = None,
) -> tuple[str, str]:
    """Upload a network's state as an artifact of a study or trial.

    Args:
        state_dict: Tensors of any shape, device and memory format; tied ones are saved twice.
        store: Where to; an ``AtomicFileSystemArtifactStore`` never leaves half a file.
        study_or_trial: What the artifact belongs to, for Optuna and its dashboard.
        optuna_storage: Optuna's storage; needed with a ``FrozenTrial`` only.

    Returns:
        The artifact id, and the hexadecimal SHA-256 of the file.

    Raises:
        StorageError: If it cannot be written. Optuna's link to it remains, then, and leads nowhere.
    """
    # Clones, since safetensors refuses tensors that share memory, as tied ones do.
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in state_dict.items()}
    content = safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()})
    with TemporaryDirectory(prefix="plantnas-") as directory:
        file = Path(directory) / WEIGHTS_FILE
        try:
            file.write_bytes(content)
        except OSError as error:
            raise cannot_write(directory, error) from error
        artifact_id = upload(file, store, study_or_trial, optuna_storage)
    return artifact_id, sha256_of(content).hexdigest()


def load_weights(store: ArtifactStore, artifact_id: str, sha256: str) -> dict[str, Tensor]:
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
    return safetensors.torch.load(read_artifact(store, artifact_id, sha256, "weights"))


def filled(network: nn.Module, store: ArtifactStore, artifact_id: str, sha256: str) -> nn.Module:
    """A network that was built at recorded widths, with its weights, in eval mode.

    Raises:
        StorageError: The weights are missing, damaged or those of another network.
    """
    take_weights(network, load_weights(store, artifact_id, sha256))
    return network.eval()


def take_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts weights into a network that was built at recorded widths.

    Raises:
        StorageError: They are those of another network.
    """
    try:
        load_state(network, weights)
    except RuntimeError as error:
        says = " ".join(str(error).split())[:200]
        raise StorageError(f"weights: are not those of the recorded widths: {says}.") from error
