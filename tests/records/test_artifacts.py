"""Artifacts come back from every kind of place, stay within it, and what is wrong is one line."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace
from hashlib import sha256
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.artifacts.exceptions import ArtifactNotFound

from plantnas.errors import StorageError
from plantnas.records.artifacts import (
    ArtifactPlace,
    AtomicFileSystemArtifactStore,
    BucketArtifactStore,
    open_artifacts,
    read_artifact,
    upload,
)
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.artifacts._protocol import ArtifactStore

    from plantnas.records.record import StudyRecord

CONTENT = b"trained for hours"
DIGEST = sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The URL of a server in this process that speaks S3's protocol."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture
def s3_place(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket and a prefix; its credentials are where boto3 looks for them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    urlopen(Request(f"{s3_server}/moto-api/reset", method="POST")).close()
    pytest.importorskip("boto3").client("s3").create_bucket(Bucket="studies")
    return "s3://studies/team/digits"


class Cutting(ThreadingHTTPServer):
    """Passes requests on to a server, and breaks the connection within some answers.

    Attributes:
        asked: The methods of all requests.
        cuts: How many answers to GET are cut short yet.
    """

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.url, self.asked, self.cuts = f"http://127.0.0.1:{self.server_port}", list[str](), 0
        self.address = server.removeprefix("http://")


class Passing(BaseHTTPRequestHandler):
    server: Cutting

    def do(self) -> None:
        self.server.asked.append(self.command)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        other = HTTPConnection(self.server.address)
        other.request(self.command, self.path, content, dict(self.headers))
        answer = other.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET" and self.server.cuts > 0:
            self.server.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def cutting(s3_place: str, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cutting]:
    """Between the bucket and whoever opens it."""
    with Cutting(s3_server) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(params=["folder", "bucket", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """Every kind of store; "bucket" is any that knows no prefix."""
    if request.param == "folder":
        return open_artifacts(str(tmp_path / "artifacts"))
    if request.param == "s3":
        return open_artifacts(request.getfixturevalue("s3_place"))
    (tmp_path / "team" / "digits").mkdir(parents=True)
    bucket = AtomicFileSystemArtifactStore(tmp_path)
    return BucketArtifactStore("gs://studies/team/digits", bucket, "team/digits")


def test_an_artifact_comes_back(store: ArtifactStore) -> None:
    store.write("weights", io.BytesIO(CONTENT))
    assert read_artifact(store, "weights", DIGEST, "weights") == CONTENT


def test_an_artifact_that_is_removed_is_gone(store: ArtifactStore) -> None:
    store.write("weights", io.BytesIO(CONTENT))
    store.remove("weights")
    with pytest.raises(ArtifactNotFound):
        store.open_reader("weights")


def test_size_and_age_of_an_artifact_are_found(store: ArtifactPlace) -> None:
    assert store.find("weights") is None
    store.write("weights", io.BytesIO(CONTENT))
    found = store.find("weights")
    assert found is not None
    assert found.bytes == len(CONTENT)
    assert -2 < found.seconds < 60  # S3 tells whole seconds


def test_to_ask_a_bucket_for_size_and_age_reads_nothing(s3_place: str, cutting: Cutting) -> None:
    store = open_artifacts(s3_place)
    store.write("weights", io.BytesIO(CONTENT))
    cutting.asked.clear()
    assert store.find("weights") is not None
    assert cutting.asked == ["HEAD"]


def test_credentials_that_are_not_there_are_one_line(
    s3_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # which has found them before
    with pytest.raises(StorageError, match=r"digits: cannot be read: Unable to locate credentials"):
        open_artifacts(s3_place).find("weights")


def test_a_missing_artifact_is_one_line(store: ArtifactStore) -> None:
    with pytest.raises(StorageError, match=r"(artifacts|digits): weights 7f: no such file\.$"):
        read_artifact(store, "7f", DIGEST, "weights")


def test_a_changed_artifact_is_refused(store: ArtifactStore) -> None:
    store.write("7f", io.BytesIO(CONTENT[:-1]))
    with pytest.raises(StorageError, match="weights 7f: truncated or changed"):
        read_artifact(store, "7f", DIGEST, "weights")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "..", "", "a/.."])
def test_a_name_cannot_leave_its_place(store: ArtifactStore, name: str) -> None:
    for use in (
        lambda: store.write(name, io.BytesIO(CONTENT)),
        lambda: store.open_reader(name),
        lambda: store.remove(name),
    ):
        with pytest.raises(StorageError, match=r"artifact '.*': is not a name within it"):
            use()


def test_a_prefix_comes_before_every_name(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    bucket = AtomicFileSystemArtifactStore(tmp_path)
    BucketArtifactStore("gs://b/team/", bucket, "team/").write("one", io.BytesIO(CONTENT))
    BucketArtifactStore("gs://b", bucket, "").write("two", io.BytesIO(CONTENT))
    assert (tmp_path / "team" / "one").read_bytes() == CONTENT
    assert (tmp_path / "two").read_bytes() == CONTENT


def test_an_s3_prefix_is_part_of_the_key(s3_place: str) -> None:
    open_artifacts(s3_place).write("weights", io.BytesIO(CONTENT))
    client = pytest.importorskip("boto3").client("s3")
    (listed,) = client.list_objects_v2(Bucket="studies")["Contents"]
    assert listed["Key"] == "team/digits/weights"


def test_an_upload_belongs_to_its_study(store: ArtifactStore, tmp_path: Path) -> None:
    study = optuna.create_study()
    file = tmp_path / "logits.npy"
    file.write_bytes(CONTENT)
    artifact_id = upload(file, store, study)
    (meta,) = get_all_artifact_meta(study)
    assert (meta.artifact_id, meta.filename) == (artifact_id, "logits.npy")
    assert read_artifact(store, artifact_id, DIGEST, "logits") == CONTENT


def test_a_connection_that_breaks_within_an_artifact_is_made_again(
    s3_place: str, cutting: Cutting
) -> None:
    store = open_artifacts(s3_place)
    store.write("weights", io.BytesIO(CONTENT))
    cutting.cuts, cutting.asked = 2, []
    assert read_artifact(store, "weights", DIGEST, "weights") == CONTENT
    assert cutting.asked == ["GET"] * 3


def test_a_bucket_that_stays_away_is_one_line(
    s3_place: str, cutting: Cutting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    store = open_artifacts(s3_place)
    store.write("weights", io.BytesIO(CONTENT))
    cutting.cuts = 99
    with pytest.raises(StorageError, match="digits: cannot be read: ") as error:
        store.open_reader("weights")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", ["ftp://host/x", "s3://", "s3:///prefix", "S3://bucket"])
def test_another_kind_of_place_is_refused_with_those_there_are(place: str) -> None:
    with pytest.raises(StorageError, match="Allowed: a folder, s3://bucket/prefix or gs://bucket"):
        open_artifacts(place)


@pytest.mark.parametrize(
    ("place", "package", "extra"),
    [("s3://b/p", "boto3", "s3"), ("gs://b/p", "google.cloud.storage", "gcs")],
)
def test_a_missing_package_is_named_by_its_extra(place: str, package: str, extra: str) -> None:
    if is_installed(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(
        StorageError, match=rf"'{place}': .* is not installed: pip install 'plantnas\[{extra}\]'\.$"
    ):
        open_artifacts(place)


def is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


# Where a study's are


def test_artifacts_below_the_database_file_move_with_it(url: str, study: StudyRecord) -> None:
    folder = Path(url.removeprefix("sqlite:///")).parent
    database = Database(url)
    database.add_study(replace(study, artifacts=str(folder / "weights" / "digits")))
    assert database.study("digits").artifacts == "weights/digits"
    assert StudyRecords(database, "digits").artifacts_place == str(folder / "weights" / "digits")


def test_artifacts_elsewhere_are_kept_as_an_absolute_path(url: str, study: StudyRecord) -> None:
    database = Database(url)
    database.add_study(replace(study, artifacts="../weights"))
    elsewhere = Path(url.removeprefix("sqlite:///")).parent.parent / "weights"
    assert database.study("digits").artifacts == str(elsewhere)
    assert StudyRecords(database, "digits").artifacts_place == str(elsewhere)


def test_the_url_of_a_bucket_is_kept_as_it_is(url: str, study: StudyRecord) -> None:
    database = Database(url)
    database.add_study(replace(study, artifacts="s3://bucket/studies"))
    assert database.study("digits").artifacts == "s3://bucket/studies"
    assert StudyRecords(database, "digits").artifacts_place == "s3://bucket/studies"


@pytest.mark.parametrize("place", ["gs://bucket", "/mnt/weights"])
def test_a_machine_may_find_the_artifacts_elsewhere(
    url: str, database: Database, study: StudyRecord, place: str
) -> None:
    assert StudyRecords(Database(url, artifacts=place), "digits").artifacts_place == place
    assert Database(url, artifacts=place).study("digits") == study


def test_artifacts_elsewhere_are_below_the_folder_of_who_says_so(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert StudyRecords(Database(url, artifacts="tmp"), "digits").artifacts_place == "/tmp"


def test_a_folders_store_writes_into_it(records: StudyRecords, tmp_path: Path) -> None:
    records.store.write("weights", io.BytesIO(b"1"))
    assert (tmp_path / "digits" / "weights").read_bytes() == b"1"
