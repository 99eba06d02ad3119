"""The stores of a study's artifacts: a folder, or a prefix of a bucket of S3 or Google Cloud.

What is kept in them is elsewhere: weights in ``weights.py``, the teacher's logits in
``plantnas.searching.shared_files``.
"""

import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256 as sha256_of
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Protocol

from optuna import Study, Trial
from optuna.artifacts import (
    Backoff,
    Boto3ArtifactStore,
    GCSArtifactStore,
    upload_artifact,
)
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from plantnas.errors import StorageError, first_line, missing
from plantnas.files import write_atomically
from plantnas.place import is_url
from plantnas.records.optuna_artifacts import ArtifactStore, FolderArtifactStore


def open_artifacts(where: str) -> "ArtifactPlace":
    """The store of artifacts at a place. A folder is made on the first write.

    Args:
        where: A folder, ``s3://bucket/prefix`` or ``gs://bucket/prefix``; the prefix may be left
            out. Credentials are those of the machine, as boto3 and google-cloud-storage find them.

    Raises:
        StorageError: It is another kind of URL, its package is missing, or it cannot be opened.
    """
    if not is_url(where):
        return AtomicFileSystemArtifactStore(where)
    scheme, _, rest = where.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme not in _BUCKETS or not bucket:
        raise StorageError(
            f"artifacts {where!r}: not a place. Allowed: a folder, s3://bucket/prefix or "
            "gs://bucket/prefix."
        )
    store, package, extra = _BUCKETS[scheme]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return BucketArtifactStore(where, store(bucket), prefix)
    except ImportError as error:
        raise StorageError(f"artifacts {where!r}: {missing(package, extra)}") from error
    except Exception as error:  # such as credentials that are not there
        raise StorageError(f"{where}: cannot be opened: {first_line(error)}") from error


class Found(NamedTuple):
    """What a store tells of an artifact.

    Attributes:
        bytes: Its size.
        seconds: Since it was written.
    """

    bytes: int
    seconds: float


class ArtifactPlace(Protocol):
    """What `open_artifacts` opens: a store of Optuna's that can be asked for more."""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The content of an artifact."""

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write an artifact."""

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact."""

    def find(self, artifact_id: str) -> Found | None:
        """Size and age of an artifact, or None if there is none of that name."""


class AtomicFileSystemArtifactStore(FolderArtifactStore):
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
            StorageError: If the disk is full, the folder cannot be written to, or the name leads
                out of it.
        """
        path = self.path_of(artifact_id)
        try:
            write_atomically(path, lambda file: shutil.copyfileobj(content_body, file))
        except OSError as error:
            raise cannot_write(self.directory, error) from error

    def find(self, artifact_id: str) -> Found | None:
        """Size and age of an artifact, or None if there is none of that name.

        Raises:
            StorageError: The folder cannot be read.
        """
        try:
            status = self.path_of(artifact_id).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.directory}: cannot be read: {error.strerror}.") from error
        return Found(status.st_size, time.time() - status.st_mtime)

    def path_of(self, artifact_id: str) -> Path:
        """The file of an artifact.

        Raises:
            StorageError: The name leads out of the folder.
        """
        _check_name(str(self.directory), artifact_id)
        return super().path_of(artifact_id)


class S3ArtifactStore(Boto3ArtifactStore):
    """Optuna's store of a whole bucket of S3, which tells size and age too."""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The content of an artifact, in memory: a connection that breaks is seen at once."""
        with closing(super().open_reader(artifact_id)) as reader:
            return BytesIO(reader.read())

    def find(self, artifact_id: str) -> Found | None:
        """Size and age of an artifact, by a request for its head; None if there is none."""
        try:
            head = self.client.head_object(Bucket=self.bucket, Key=artifact_id)
        except self.client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return None
            raise
        return Found(head["ContentLength"], time.time() - head["LastModified"].timestamp())


class GoogleArtifactStore(GCSArtifactStore):
    """Optuna's store of a whole bucket of Google Cloud, which tells size and age too."""

    def find(self, artifact_id: str) -> Found | None:
        """Size and age of an artifact, by a request for its metadata; None if there is none."""
        blob = self.bucket_obj.get_blob(artifact_id)
        return Found(blob.size, time.time() - blob.updated.timestamp()) if blob else None


_BUCKETS = {
    "s3": (S3ArtifactStore, "boto3", "s3"),
    "gs": (GoogleArtifactStore, "google-cloud-storage", "gcs"),
}
"""The store of a bucket, the package that it needs, and the extra with it, by a URL's scheme."""


class BucketArtifactStore:
    """Artifacts below a prefix of a bucket; short failures are tried again.

    Attributes:
        directory: The URL of bucket and prefix.
    """

    def __init__(self, where: str, bucket: ArtifactPlace, prefix: str) -> None:
        """Keeps artifacts in a bucket.

        Args:
            where: Its URL, for messages.
            bucket: The store of the whole bucket; its readers hold all that they read.
            prefix: Comes before all names, with a slash between.
        """
        self.directory = where
        self._prefix = prefix.strip("/")
        self._bucket = bucket
        self._patient = Backoff(bucket)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The content of an artifact, in memory.

        Raises:
            ArtifactNotFound: There is none of that name.
            StorageError: The bucket cannot be read.
        """
        with self._errors("read"):
            return self._patient.open_reader(self._key(artifact_id))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write an artifact; a bucket shows it when it is complete.

        Raises:
            StorageError: The bucket cannot be written to.
        """
        with self._errors("written to"):
            self._patient.write(self._key(artifact_id), content_body)

    def find(self, artifact_id: str) -> Found | None:
        """Size and age of an artifact, or None if there is none of that name.

        Raises:
            StorageError: The bucket cannot be read.
        """
        with self._errors("read"):
            return self._bucket.find(self._key(artifact_id))

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact.

        Raises:
            StorageError: The bucket cannot be written to.
        """
        with self._errors("written to"):
            # Not by Optuna's Backoff, which removes ten times, also if the first time succeeds.
            self._bucket.remove(self._key(artifact_id))

    def _key(self, artifact_id: str) -> str:
        _check_name(self.directory, artifact_id)
        return f"{self._prefix}/{artifact_id}" if self._prefix else artifact_id

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except (ArtifactNotFound, StorageError):
            raise
        except Exception as error:  # the packages of the clouds have no common base class
            raise StorageError(
                f"{self.directory}: cannot be {done}: {first_line(error)}"
            ) from error


def upload(
    path: Path,
    store: ArtifactStore,
    study_or_trial: Study | Trial | FrozenTrial,
    optuna_storage: BaseStorage | None = None,
) -> str:
    """Keep a file as an artifact of a study or trial, and return its id.

    Raises:
        StorageError: If it cannot be written. Optuna's link to it remains, then, and leads nowhere.
    """
    return upload_artifact(
        artifact_store=store,
        file_path=str(path),
        study_or_trial=study_or_trial,
        storage=optuna_storage,
        mimetype="application/octet-stream",
    )


def read_artifact(store: ArtifactStore, artifact_id: str, sha256: str, what: str) -> bytes:
    """The content of an artifact.

    Args:
        store: Where from.
        artifact_id: Its id.
        sha256: The hexadecimal hash that it must have.
        what: What it is, for messages.

    Raises:
        StorageError: If it is missing, truncated or another one, or cannot be read.
    """
    place = f"{getattr(store, 'directory', type(store).__name__)}: {what} {artifact_id}"
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
    return content


def cannot_write(folder: str | Path, error: OSError) -> StorageError:
    """The error of a folder that is full or closed."""
    return StorageError(f"{folder}: cannot be written to: {error.strerror or error}.")


def _check_name(where: str, artifact_id: str) -> None:
    """Refuse a name that is absolute, empty, or leads up."""
    parts = PurePosixPath(artifact_id).parts
    if not parts or ".." in parts or parts[0].startswith("/"):
        raise StorageError(f"{where}: artifact {artifact_id!r}: is not a name within it.")
