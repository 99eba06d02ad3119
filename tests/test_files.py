"""A file is complete under its name, or it is not there; a lock goes with its process."""

import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import BinaryIO

import pytest

from plantnas.errors import StorageError
from plantnas.files import alone, check_outputs, is_locked, read_file, write_atomically, write_file


def test_a_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_file(tmp_path / "link", most=7) == b"content"


def test_a_file_that_is_larger_than_it_may_be_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(OSError, match="Has more than 6 bytes"):
        read_file(tmp_path / "file", most=6)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"Is no regular file|Is a directory"):
            read_file(path)


def test_a_name_that_no_file_has_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        read_file(Path("a\0b"))


def test_the_content_is_under_the_final_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_atomically(path, lambda file: file.write(b"content"))
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_write_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("the disk is full")

    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_is_held_within_and_free_before_and_after(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_locked(lock)
    with alone(lock):
        assert is_locked(lock)
    assert not is_locked(lock)


def test_a_lock_is_free_when_its_process_was_killed(tmp_path: Path) -> None:
    lock, context = tmp_path / "lock", multiprocessing.get_context("fork")
    held, forever = context.Event(), context.Event()

    def hold() -> None:
        with alone(lock):
            held.set()
            forever.wait()

    process = context.Process(target=hold, daemon=True)
    process.start()
    assert held.wait(30)
    assert is_locked(lock)
    process.kill()
    process.join()
    with alone(lock):
        pass


def test_a_lock_is_of_one_thread_at_a_time(tmp_path: Path) -> None:
    lock, inside, most = tmp_path / "lock", list[int](), list[int]()

    def enter() -> None:
        with alone(lock):
            inside.append(1)
            most.append(len(inside))
            sleep(0.01)
            inside.pop()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(enter) for _ in range(8)]:
            done.result()
    assert most == [1] * 8


def test_to_ask_for_a_lock_makes_no_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    assert not [*tmp_path.iterdir()]


def test_a_lock_in_no_folder_makes_none(tmp_path: Path) -> None:
    refused = pytest.raises(FileNotFoundError, match="No such file or directory")
    with refused, alone(tmp_path / "folder" / "lock"):
        pass
    assert not [*tmp_path.iterdir()]


def test_a_lock_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(IsADirectoryError, match="Is a directory"), alone(tmp_path / "lock"):
        pass
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        is_locked(tmp_path / "lock")


def test_a_file_is_replaced_only_if_told(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    check_outputs([path], replace=False)
    path.touch()
    check_outputs([path], replace=True)
    with pytest.raises(StorageError, match=r"a.pt: exists already. Use another name, or --force"):
        check_outputs([path], replace=False)


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"there is no folder .*/none\."):
        check_outputs([tmp_path / "none" / "a.pt"], replace=False)


def test_a_folder_is_no_output_even_if_files_may_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder, where the name of a file is needed"):
        check_outputs([tmp_path], replace=True)


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/null")):
        with pytest.raises(StorageError, match="is no regular file, and is not replaced by one"):
            check_outputs([path], replace=True)


def test_a_link_that_leads_nowhere_exists(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StorageError, match="link: exists already"):
        check_outputs([tmp_path / "link"], replace=False)


def test_two_outputs_are_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "linked").hardlink_to("file")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").symlink_to(tmp_path)
    pairs = [("a", "a"), ("a", "./a"), ("a", "folder/a"), ("a", tmp_path / "a")]
    for one, other in [*pairs, ("file", "linked"), ("link", "file")]:
        with pytest.raises(StorageError, match=r"is the same file as .*, which is written too"):
            check_outputs([Path(one), Path(other)], replace=True)
    check_outputs([Path("a"), Path("b")], replace=False)


@pytest.mark.parametrize("name", ["study.db", "weights/a", "./study.db", "linked", "link", "to/a"])
def test_what_is_kept_is_not_replaced(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "study.db").touch()
    (tmp_path / "linked").hardlink_to("study.db")
    (tmp_path / "link").symlink_to("study.db")
    (tmp_path / "to").symlink_to("weights")
    kept = [Path("study.db"), tmp_path / "weights"]
    with pytest.raises(StorageError, match="would replace what is kept in"):
        check_outputs([Path(name)], True, kept)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.pt").mkdir()
    with pytest.raises(StorageError, match=r"a.pt: cannot be written: Is a directory"):
        write_file(tmp_path / "a.pt", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize(
    ("name", "age", "stays"),
    [
        ("page.html.{ended}.partial", 120, False),
        ("page.html.{ended}.partial", 5, True),  # another machine's, perhaps
        ("page.html.{alive}.partial", 120, True),
        ("other.html.{ended}.partial", 120, True),
        ("page.html.mine.partial", 120, True),
    ],
)
def test_what_a_killed_process_left_of_a_file_goes_when_it_is_written_again(
    tmp_path: Path, name: str, age: float, stays: bool
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    partial = tmp_path / name.format(ended=ended.pid, alive=os.getppid())
    partial.touch()
    os.utime(partial, (time.time() - age,) * 2)
    write_file(tmp_path / "page.html", b"new")
    assert (tmp_path / "page.html").read_bytes() == b"new"
    assert partial.exists() == stays
