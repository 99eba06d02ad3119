"""What a study computes of its teacher: made once, an artifact, and a file of each machine.

What is in the files is in training/logits.py and training/samples.py.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
from optuna.artifacts import get_all_artifact_meta

from plantnas.errors import Say, StorageError
from plantnas.files import alone, write_file
from plantnas.records.artifacts import cannot_write, read_artifact, upload
from plantnas.records.optuna_artifacts import ArtifactStore


@dataclass(frozen=True)
class SharedFiles:
    """Where files of a study are shared, and who is told of it.

    An artifact's file name holds its SHA-256: there is no second record that a crash could leave
    out. Optuna links an artifact before it is there, so a link may lead nowhere.

    Attributes:
        study: Optuna's, which the artifacts belong to.
        store: Where they are.
        alone: Makes a lock of all workers for a purpose, as `Database.alone` does.
        say: Is told what takes a while.
    """

    study: optuna.Study
    store: ArtifactStore
    alone: Callable[[str, Say], AbstractContextManager[None]]
    say: Say

    def see_to(self, path: Path, content: str, make: Callable[[Path], None]) -> None:
        """Sees that this machine has a file, which is fetched, or else made, if needed.

        Args:
            path: The file; its name says what it depends on.
            content: What is in it, such as "teacher's logits on the train images".
            make: Writes it to a path.

        Raises:
            StorageError: It cannot be read or written.
        """
        if not path.exists():
            try:
                with alone(path.with_suffix(".lock")):  # other workers of this machine wait for it
                    if not path.exists():
                        self._fetch_or_make(path, content, make)
            except OSError as error:
                raise cannot_write(path.parent, error) from error

    def _fetch_or_make(self, path: Path, content: str, make: Callable[[Path], None]) -> None:
        if self._fetch(path, content):
            return
        purpose = f"computes {path.stem} of study {self.study.study_name!r}"
        with self.alone(purpose, self.say):
            if self._fetch(path, content):
                return
            self.say(f"computing the {content}")
            # An artifact first, then the file: who finds the file need not ask for the artifact.
            with TemporaryDirectory(dir=path.parent, prefix="logits-") as folder:
                made = Path(folder) / path.name
                make(made)
                digest = sha256(made.read_bytes()).hexdigest()
                named = made.rename(made.with_stem(f"{path.stem}-{digest}"))
                upload(named, self.store, self.study)
                os.replace(named, path)

    def _fetch(self, path: Path, content: str) -> bool:
        """Whether an artifact could be copied to the file; says which could not."""
        for meta in get_all_artifact_meta(self.study):
            name, _, digest = Path(meta.filename).stem.rpartition("-")
            if name != path.stem:
                continue
            self.say(f"fetching the {content}")
            try:
                read = read_artifact(self.store, meta.artifact_id, digest, content)
            except StorageError as error:
                self.say(str(error))
                continue
            write_file(path, read)
            return True
        return False
