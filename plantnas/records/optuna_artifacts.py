"""What plantnas needs of the private names of Optuna's artifacts; the others are elsewhere.

Apart from ``optuna_private.py``, because `optuna.artifacts` imports the packages of all clouds that
are installed: who reads a study's rows does not wait for them.
"""

from pathlib import Path

from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts._protocol import ArtifactStore as ArtifactStore


class FolderArtifactStore(FileSystemArtifactStore):
    """Optuna's store of artifacts in a folder, with a public name for where each is kept."""

    def path_of(self, artifact_id: str) -> Path:
        """The file of an artifact; a name that leads out of the folder is refused."""
        return Path(super()._get_filepath(artifact_id))

    def _get_filepath(self, artifact_id: str) -> Path:
        return self.path_of(artifact_id)
