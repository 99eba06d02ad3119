"""Workers as tasks of a real Ray cluster, of two machines that are processes of this one."""

from __future__ import annotations

import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plantnas.errors import ConfigurationError, StudyError
from plantnas.place import Place
from plantnas.workers.launcher import WorkerCommand, launch
from plantnas.workers.ray import RayLauncher
from tests.workers.conftest import PASSWORD, PATIENT, STORAGE, found, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ray.cluster_utils import Cluster

OBJECT_STORE_BYTES = 80_000_000  # about the least that Ray takes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of two machines with one core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster  # it takes a second

        machine = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES}
        head = {**machine, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**machine)
        yield cluster
        cluster.shutdown()


@pytest.mark.slow
def test_workers_run_on_all_machines_of_a_cluster(
    cluster: Cluster, worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    meet = """
task = pathlib.Path(f'/proc/{os.getppid()}/stat').read_text()
write('machine', task.rpartition(')')[2].split()[1])  # the parent of all tasks of a machine
write('url', os.environ['PLANTNAS_STORAGE'])
while len(list(folder.glob('machine-*[0-9]'))) < 2:
    time.sleep(0.05)
sys.exit('plantnas: no such study.')
"""
    command, said = worker(meet), list[str]()
    ends = launch(RayLauncher(cluster.address, tmp_path / "logs"), command, 2, said.append)
    assert len(set(found(command, "machine"))) == 2
    assert found(command, "url") == [STORAGE] * 2
    assert [(end.exit_code, end.says) for end in ends] == [(1, "plantnas: no such study.")] * 2
    assert said[1] == "0 of 2 workers ended well."
    logs = "".join(file.read_text() for file in (tmp_path / "logs").iterdir())
    assert logs == "plantnas: no such study.\n" * 2
    assert cluster.head_node is not None
    of_ray = list(Path(cluster.head_node.get_logs_dir_path()).rglob("*.*"))
    assert of_ray
    assert not [file for file in of_ray if PASSWORD.encode() in file.read_bytes()]


@pytest.mark.slow
def test_stopping_ends_the_workers_of_a_cluster(
    cluster: Cluster, worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    command = worker(PATIENT)
    launcher = RayLauncher(cluster.address, tmp_path / "logs", grace_seconds=10)
    launcher.start(command, 3)  # one of them waits for room
    wait_until(lambda: len(found(command, "runs")) == 2)
    launcher.stop()
    assert found(command, "told") == [str(int(signal.SIGTERM))] * 2


def test_an_address_where_nobody_answers_is_one_line_at_once(
    worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        begin = time.monotonic()
        with pytest.raises(StudyError, match=r"cannot be reached: Connection refused\.$"):
            RayLauncher(address, tmp_path).start(worker("pass"), 1)
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "Invalid address format|Port is not specified"),
        ("no-such-host.invalid:6379", "cannot be reached"),
    ],
)
def test_an_address_that_is_none_is_one_line(
    address: str, message: str, worker: Callable[..., WorkerCommand], tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=message):
        RayLauncher(address, tmp_path).start(worker("pass"), 1)


def test_a_missing_extra_is_one_line(
    worker: Callable[..., WorkerCommand], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    launcher = RayLauncher("auto", tmp_path)
    with pytest.raises(StudyError, match=r"pip install 'plantnas\[ray\]'"):
        launcher.start(worker("pass"), 1)
    launcher.stop()


@pytest.mark.slow
def test_an_sqlite_file_is_refused(tmp_path: Path) -> None:
    command = WorkerCommand(Place("tiny", "sqlite:///study.db", tmp_path))
    with pytest.raises(ConfigurationError, match="SQLite"):
        RayLauncher("auto", tmp_path).start(command, 1)
