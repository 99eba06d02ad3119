"""The hash and statistics of a search's images, which are read as a whole once a machine."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from plantnas.config import StudyConfig
from plantnas.errors import DataError
from plantnas.training import summary
from plantnas.training.data import check_fingerprint, load_dataset
from plantnas.training.images import Images
from tests.training.test_data_formats import Written, write_image_folder
from tests.training.test_decoding import stored


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return write_image_folder(tmp_path / "images")


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word each time that all images are read for their summary."""
    found, made = list[str](), summary._made

    def counting(train: Images, validation: Images) -> summary.Summary:
        found.append("read")
        return made(train, validation)

    monkeypatch.setattr(summary, "_made", counting)
    return found


def pixels_of(folder: Path, count: int) -> Path:
    """The file of so many images."""
    return next(each for each in folder.glob("*.pixels") if each.stat().st_size == count * 768)


def swap(path: Path) -> None:
    """Changes a byte where it is; the times are put back, as a copy does it."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[7] ^= 255
    path.write_bytes(bytes(content))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_who_finds_the_file_reads_it_not_as_a_whole(
    written: Written, tmp_path: Path, readings: list[str]
) -> None:
    first, second = (stored(written.data, tmp_path / "stored") for _ in range(2))
    assert readings == ["read"]
    assert first.fingerprint == second.fingerprint == load_dataset(written.data, 0).fingerprint
    assert torch.equal(first.mean, second.mean)
    assert torch.equal(first.std, second.std)


def test_a_file_that_was_changed_is_read_again_and_refused(
    written: Written, tmp_path: Path, readings: list[str]
) -> None:
    before = stored(written.data, tmp_path / "stored")
    swap(pixels_of(tmp_path / "stored", len(before.train)))
    after = stored(written.data, tmp_path / "stored")
    assert readings == ["read", "read"]
    config = StudyConfig.model_validate(
        {"name": "of-test", "data": written.data, "search_space": {"architecture": "plain"}}
    )
    with pytest.raises(DataError, match=r"stored was changed, remove that folder\.$"):
        check_fingerprint(after, before.fingerprint, config)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".pixels", cut),
        (".pixels", Path.unlink),
        (".used", cut),
        (".used", lambda path: path.write_bytes(b"")),
        (".summary", cut),
        (".summary", lambda path: path.write_text(json.dumps({"fingerprint": "of another"}))),
    ],
)
def test_a_file_that_was_cut_short_is_made_anew(
    written: Written, tmp_path: Path, suffix: str, damage: Callable[[Path], None]
) -> None:
    before = stored(written.data, tmp_path / "stored")
    for path in list((tmp_path / "stored").glob(f"*{suffix}")):
        damage(path)
    after = stored(written.data, tmp_path / "stored")
    assert after.fingerprint == before.fingerprint
    assert torch.equal(after.train.pixels, load_dataset(written.data, 0).train.pixels)


def test_the_summary_follows_from_the_labels(written: Written, tmp_path: Path) -> None:
    """Of which the name of the mapped file says nothing."""
    folder = tmp_path / "stored"
    dataset = stored(written.data, folder)
    other = dataset.train.without_labels(torch.tensor([0]))
    summaries = [
        summary.summary_of(each, dataset.validation, folder) for each in (dataset.train, other)
    ]
    assert summaries[0].fingerprint == dataset.fingerprint != summaries[1].fingerprint
