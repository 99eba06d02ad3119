"""Files of images that are damaged, swapped, bombs or none: one line that names the file."""

import gzip
import os
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantnas.training.data import load_dataset
from tests.training.test_data_formats import one_line, write_fashion_mnist, write_image_folder
from tests.training.test_image_folders import load_images

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def png(width: int, height: int) -> bytes:
    """A PNG file of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return len(content).to_bytes(4) + checked + zlib.crc32(checked).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        POSTSCRIPT,
        png(100_000, 100_000),
        png(12_000, 12_000),  # PIL only warns of it
        png(2**31 - 1, 1),
        png(1, 1_000_000),
        png(0, 5),
    ],
)
def test_a_file_that_is_no_image_or_a_bomb_is_told_by_its_name(
    tmp_path: Path, content: bytes
) -> None:
    written = write_image_folder(tmp_path / "images")
    written.train_file.write_bytes(content)
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert f"{written.train_file}: is no image that can be used: " in message


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_an_image_of_more_than_8_bits_is_not_made_white(tmp_path: Path, kind: type) -> None:
    written = write_image_folder(tmp_path / "images")
    Image.fromarray(np.full((8, 8), 40_000, kind)).save(written.train_file, "TIFF")
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert (
        f"{written.train_file}: is no image that can be used: it has more than 8" in message.lower()
    )


def test_a_pipe_among_the_images_is_not_waited_for(tmp_path: Path) -> None:
    written = write_image_folder(tmp_path / "images")
    written.train_file.unlink()
    os.mkfifo(written.train_file)
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert f"{written.train_file}: is no image that can be used: Is no regular file" in message


def test_an_image_that_its_name_takes_for_another_format_is_read(tmp_path: Path) -> None:
    written = write_image_folder(tmp_path / "images")
    file = BytesIO()
    Image.open(written.train_file).save(file, "GIF")
    written.train_file.write_bytes(file.getvalue())
    assert len(load_images(written)) == 8


def test_one_class_alone_is_an_error(tmp_path: Path) -> None:
    written = write_image_folder(tmp_path / "images")
    for split in ("train", "test"):
        for name in ("bee", "cat"):
            (tmp_path / "images" / split / name).rename(tmp_path / f"{split}-{name}")
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert f"{tmp_path / 'images' / 'train'} has one class alone, 'ant'" in message


def test_labels_that_are_all_the_same_are_an_error(tmp_path: Path) -> None:
    written = write_fashion_mnist(tmp_path / "images", zipped=False)
    labels = written.train_file.with_name("train-labels-idx1-ubyte")
    labels.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 20]) + bytes([3] * 20))
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert "all images have the label 3" in message


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_images_and_labels_that_are_swapped_are_told_by_their_name(
    tmp_path: Path, zipped: bool
) -> None:
    written = write_fashion_mnist(tmp_path / "images", zipped=zipped)
    labels = written.train_file.with_name(
        written.train_file.name.replace("images-idx3", "labels-idx1")
    )
    images, names = written.train_file.read_bytes(), labels.read_bytes()
    written.train_file.write_bytes(names)
    labels.write_bytes(images)
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert f"{written.train_file}: has 1 dimensions, where 3 are needed." in message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is no IDX file of bytes"),
        (b"\0\0\x08", "is no IDX file of bytes"),
        (bytes([0, 0, 13, 3]) + bytes(12), "is no IDX file of bytes: it begins with 00 00 0d 03"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "has not the 79228162458924105385300197375 bytes"),
        (bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(5), "not the 4 bytes"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_an_idx_file_of_something_else_is_told_by_its_name(
    tmp_path: Path, content: bytes, problem: str, zipped: bool
) -> None:
    written = write_fashion_mnist(tmp_path / "images", zipped=zipped)
    written.train_file.write_bytes(gzip.compress(content) if zipped else content)
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert problem in message
    assert str(written.train_file) in message
