"""The teacher's logits, made once for a study: kept among its artifacts, fetched by each machine.

How they are computed, and read from a machine's file, is in training/logits.py.
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
from torch import Tensor

from plantnas.errors import Say, StorageError
from plantnas.files import alone, write_file
from plantnas.records.artifacts import cannot_write, read_artifact, upload
from plantnas.records.optuna_artifacts import ArtifactStore
from plantnas.training.logits import load_logits, save_logits


@dataclass(frozen=True)
class SharedLogits:
    """Where the logits of a study are shared, and who is told of it.

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

    def at(self, path: Path, split: str, compute: Callable[[], Tensor]) -> Tensor:
        """Logits mapped from this machine's file, which is fetched, or else made, if needed.

        Args:
            path: The file; its name says what the logits depend on.
            split: Of which images they are.
            compute: Computes them: views x images x classes.

        Raises:
            StorageError: They cannot be read or written.
        """
        if not path.exists():
            try:
                with alone(path.with_suffix(".lock")):  # other workers of this machine wait for it
                    if not path.exists():
                        self._fetch_or_make(path, split, compute)
            except OSError as error:
                raise cannot_write(path.parent, error) from error
        return load_logits(path)

    def _fetch_or_make(self, path: Path, split: str, compute: Callable[[], Tensor]) -> None:
        if self._fetch(path, split):
            return
        purpose = f"computes {path.stem} of study {self.study.study_name!r}"
        with self.alone(purpose, self.say):
            if self._fetch(path, split):
                return
            self.say(f"computing the teacher's logits on the {split} images")
            logits = compute()
            # An artifact first, then the file: who finds the file need not ask for the artifact.
            with TemporaryDirectory(dir=path.parent, prefix="logits-") as folder:
                made = Path(folder) / path.name
                save_logits(made, logits)
                digest = sha256(made.read_bytes()).hexdigest()
                named = made.rename(made.with_stem(f"{path.stem}-{digest}"))
                upload(named, self.store, self.study)
                os.replace(named, path)

    def _fetch(self, path: Path, split: str) -> bool:
        """Whether an artifact could be copied to the file; says which could not."""
        for meta in get_all_artifact_meta(self.study):
            name, _, digest = Path(meta.filename).stem.rpartition("-")
            if name != path.stem:
                continue
            self.say(f"fetching the teacher's logits on the {split} images")
            try:
                content = read_artifact(self.store, meta.artifact_id, digest, "teacher's logits")
            except StorageError as error:
                self.say(str(error))
                continue
            write_file(path, content)
            return True
        return False
