"""Files that are mapped into memory, of which a process holds a part at most."""

import sys
from pathlib import Path

import pytest
import torch

from plantnas.training import mapped
from plantnas.training.mapped import MappedFile


def test_a_mapped_file_is_its_bytes_in_the_shape_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(24)))
    assert torch.equal(MappedFile(path, (2, 3, 4)).tensor.flatten(), torch.arange(24).byte())


def test_a_file_that_is_cut_short_is_not_mapped(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(10))
    with pytest.raises(ValueError, match="mmap length is greater than file size"):
        MappedFile(path, (11,))


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of memory")
def test_a_file_that_is_larger_than_memory_is_mapped(tmp_path: Path) -> None:
    """Which is what files are mapped for. This one is a hole: it takes no space on the disk."""
    if Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2":
        pytest.skip("this system maps no more than its memory")
    lines = Path("/proc/meminfo").read_text().splitlines()
    memory = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    size = 2**10 * 2 * (memory["MemTotal"] + memory["SwapTotal"])
    path = tmp_path / "bytes"
    with path.open("wb") as file:
        file.truncate(size)
    mapped_file = MappedFile(path, (size,))
    mapped_file.tensor[-1] = 7
    assert mapped_file.tensor[-2:].tolist() == [0, 7]
    with path.open("rb") as file:
        file.seek(size - 1)
        assert file.read() == b"\0"


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of memory")
def test_what_was_read_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held() -> int:
        lines = Path("/proc/self/smaps").read_text().splitlines()
        place = next(n for n, line in enumerate(lines) if line.endswith(str(path)))
        return int(next(line for line in lines[place:] if line.startswith("Rss:")).split()[1])

    monkeypatch.setattr(mapped, "MOST_HELD", 2**20)
    path = tmp_path / "bytes"
    path.write_bytes(b"7" * 2**24)
    file = MappedFile(path, (16, 2**20))
    for part in file.tensor:
        assert part.sum() == 55 * 2**20
        file.note(part.nbytes)
    assert held() < 2**12  # kB, of 2**14
    assert torch.equal(file.tensor[3, :5], torch.full((5,), 55, dtype=torch.uint8))
