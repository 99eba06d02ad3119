"""Every data set in its real format on disk, small; the files are written by the tests."""

import gzip
import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data.transforms import CenterCropOrPad, ResizeKeepRatio
from torchvision import datasets
from torchvision.transforms.v2.functional import pil_to_tensor

from plantnas.config import Data
from plantnas.errors import DataError
from plantnas.training.data import load_dataset, load_test_images
from plantnas.training.datasets.imagefolder import Bordered
from plantnas.training.images import UNLABELLED

Patch = pytest.MonkeyPatch
Pixels = NDArray[np.uint8]


@dataclass
class Written:
    """A data set on disk: what is in it, and where."""

    data: Data
    train: tuple[Pixels, list[int]]
    test: tuple[Pixels, list[int]]
    train_file: Path
    test_files: list[Path]


def drawn(seed: int, count: int, *shape: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_cifar(name: str, root: Path, patch: Patch) -> Written:
    """Pickled batches of rows of 3072 bytes, checked by their MD5."""
    constructor = getattr(datasets, name)
    folder = root / constructor.base_folder
    folder.mkdir(parents=True)
    label_key = "labels" if name == "CIFAR10" else "fine_labels"
    images: dict[str, Pixels] = {}
    labels: dict[str, list[int]] = {}
    for lists, seed in (("train_list", 0), ("test_list", 50)):
        hashes = []
        parts = [
            drawn(seed + part, 8, 3, 32, 32) for part in range(len(getattr(constructor, lists)))
        ]
        for (file_name, _), part in zip(getattr(constructor, lists), parts, strict=True):
            batch = {"data": part.reshape(8, 3072), label_key: [0, 1, 2, 3, 4, 5, 6, 9]}
            (folder / file_name).write_bytes(pickle.dumps(batch, protocol=2))
            hashes.append([file_name, md5(folder / file_name)])
        patch.setattr(constructor, lists, hashes)
        images[lists] = np.concatenate(parts)
        labels[lists] = [0, 1, 2, 3, 4, 5, 6, 9] * len(parts)
    meta = folder / constructor.meta["filename"]
    meta.write_bytes(pickle.dumps({constructor.meta["key"]: list("abcdefghij")}, protocol=2))
    patch.setattr(constructor, "meta", {**constructor.meta, "md5": md5(meta)})
    return Written(
        Data(name=name.lower(), root=str(root), validation=3),
        (images["train_list"], labels["train_list"]),
        (images["test_list"], labels["test_list"]),
        folder / constructor.train_list[0][0],
        [folder / file_name for file_name, _ in constructor.test_list],
    )


def write_svhn(root: Path, patch: Patch) -> Written:
    """MATLAB files of height x width x channels x images, in which the digit 0 has the label 10."""
    root.mkdir()
    listed, written = {}, {}
    for seed, (split, (url, file_name, _)) in enumerate(datasets.SVHN.split_list.items()):
        pixels, labels = drawn(seed, 12, 3, 32, 32), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
        matlab = {
            "X": pixels.transpose(2, 3, 1, 0),
            "y": np.array([[label or 10] for label in labels], dtype=np.uint8),
        }
        if split != "extra":
            scipy.io.savemat(root / file_name, matlab, do_compression=True)
            listed[split] = [url, file_name, md5(root / file_name)]
            written[split] = (pixels, labels)
    patch.setattr(datasets.SVHN, "split_list", listed)
    return Written(
        Data(name="svhn", root=str(root), validation=3),
        written["train"],
        written["test"],
        root / "train_32x32.mat",
        [root / "test_32x32.mat"],
    )


def write_stl10(root: Path, patch: Patch) -> Written:
    """Bytes of images x channels x width x height, labels from 1."""
    folder = root / datasets.STL10.base_folder
    folder.mkdir(parents=True)
    labels = [0, 9, 3, 4, 1, 2]
    written = {}
    for seed, split in enumerate(("train", "test", "unlabeled")):
        pixels = drawn(seed, len(labels), 3, 96, 96)
        pixels.transpose(0, 1, 3, 2).tofile(folder / f"{split}_X.bin")
        if split != "unlabeled":
            (np.array(labels, dtype=np.uint8) + 1).tofile(folder / f"{split}_y.bin")
        written[split] = (pixels, labels)
    for lists in ("train_list", "test_list"):
        names = [name for name, _ in getattr(datasets.STL10, lists)]
        patch.setattr(datasets.STL10, lists, [[name, md5(folder / name)] for name in names])
    return Written(
        Data(name="stl10", root=str(root), validation=3),
        written["train"],
        written["test"],
        folder / "train_X.bin",
        [folder / "test_X.bin", folder / "test_y.bin"],
    )


def write_fashion_mnist(root: Path, *, zipped: bool, folder: str = "") -> Written:
    """IDX files: a magic number, big-endian sizes, bytes."""
    (root / folder).mkdir(parents=True)
    labels = list(range(10)) * 2
    written, paths = {}, {}
    for seed, split in enumerate(("train", "t10k")):
        pixels = drawn(seed, len(labels), 1, 28, 28)
        arrays = {"images-idx3": pixels[:, 0], "labels-idx1": np.array(labels, dtype=np.uint8)}
        for name, array in arrays.items():
            sizes = np.array(array.shape, dtype=">u4").tobytes()
            content = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
            path = root / folder / f"{split}-{name}-ubyte{'.gz' if zipped else ''}"
            path.write_bytes(gzip.compress(content) if zipped else content)
            paths[split, name] = path
        written[split] = (pixels, labels)
    return Written(
        Data(name="fashion-mnist", root=str(root), validation=3),
        written["train"],
        written["t10k"],
        paths["train", "images-idx3"],
        [paths["t10k", "images-idx3"], paths["t10k", "labels-idx1"]],
    )


def write_image_folder(root: Path, patch: Patch | None = None) -> Written:
    """PNG files in a folder for each class, of the wanted size already."""
    labels = [0, 0, 0, 1, 1, 2, 2, 2]
    written, paths = {}, dict[str, list[Path]](train=[], test=[])
    for seed, split in enumerate(("train", "test")):
        pixels = drawn(seed, len(labels), 3, 16, 16)
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            path = root / split / ["ant", "bee", "cat"][label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(path)
            paths[split].append(path)
        written[split] = (pixels, labels)
    return Written(
        Data(name="imagefolder", root=str(root), validation=3, image_size=16),
        written["train"],
        written["test"],
        paths["train"][0],
        paths["test"],
    )


def write_elpv(root: Path, patch: Patch) -> Written:
    """Grey PNG files and lines of their names, probabilities of a defect and kinds of cells."""
    strata = [(0.0, "mono"), (0.3333333333333333, "poly"), (0.6666666666666666, "mono")]
    (root / "images").mkdir(parents=True)
    lines, splits = [], dict[str, list[tuple[str, Pixels, int]]](train=[], test=[])
    for number, pixels in enumerate(drawn(0, 15, 1, 16, 16)):
        name, (probability, kind) = f"images/cell{number:04}.png", strata[number % 3]
        Image.fromarray(pixels[0]).save(root / name)
        lines.append(f"{name}  {probability}  {kind}")
        # Of the five of each stratum, these names have the lowest SHA-256.
        split = "test" if number in (2, 6, 7) else "train"
        splits[split].append((name, pixels.repeat(3, 0), int(probability > 0.5)))
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    (train_names, *train), (test_names, *test) = (
        list(zip(*each, strict=True)) for each in splits.values()
    )
    return Written(
        Data(name="elpv", root=str(root), validation=3, image_size=16),
        (np.stack(train[0]), list(train[1])),
        (np.stack(test[0]), list(test[1])),
        root / train_names[0],
        [root / name for name in test_names],
    )


FORMATS: dict[str, Callable[[Path, Patch], Written]] = {
    "cifar10": lambda root, patch: write_cifar("CIFAR10", root, patch),
    "cifar100": lambda root, patch: write_cifar("CIFAR100", root, patch),
    "svhn": write_svhn,
    "stl10": write_stl10,
    "fashion-mnist": lambda root, patch: write_fashion_mnist(root, zipped=True),
    "fashion-mnist-plain": lambda root, patch: write_fashion_mnist(root, zipped=False),
    "fashion-mnist-torchvision": lambda root, patch: write_fashion_mnist(
        root, zipped=False, folder="FashionMNIST/raw"
    ),
    "imagefolder": write_image_folder,
    "elpv": write_elpv,
}


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: Patch) -> Written:
    return FORMATS[request.param](tmp_path / "images", monkeypatch)


def pairs(pixels: Any, labels: Any) -> list[tuple[bytes, int]]:
    """Each image with its label, in an order of its own."""
    return sorted(
        (np.asarray(p).tobytes(), int(label)) for p, label in zip(pixels, labels, strict=True)
    )


def one_line(call: Callable[[], object], data: Data) -> str:
    """The message of the DataError that the call raises, which names the data set and its key."""
    with pytest.raises(DataError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"data.name: {data.name}: ")
    return message


def test_training_and_validation_share_out_the_images_and_labels_of_the_file(
    written: Written,
) -> None:
    dataset = load_dataset(written.data, 0)
    loaded = pairs(
        torch.cat([dataset.train.pixels, dataset.validation.pixels]),
        torch.cat([dataset.train.labels, dataset.validation.labels]),
    )
    assert loaded == pairs(*written.train)


FINGERPRINTS = {
    "cifar10": "80d2c2673b3e",
    "cifar100": "38b6d20475a4",
    "svhn": "0235d4c63ae2",
    "stl10": "b737df7cbac9",
    "fashion-mnist": "3311893efc32",
    "imagefolder": "b6efc6f05280",
    "elpv": "f2280276c08c",
}
"""Of the first draw of each data set, as the databases of studies keep them."""


def test_the_draw_is_that_of_studies_which_exist(written: Written) -> None:
    assert load_dataset(written.data, 0).fingerprint[:12] == FINGERPRINTS[written.data.name]


def test_the_number_of_classes_is_that_of_the_labels(written: Written) -> None:
    assert load_dataset(written.data, 0).num_classes == max(written.train[1]) + 1


def test_the_test_images_are_those_of_the_file_in_its_order(written: Written) -> None:
    images = load_test_images(written.data)
    assert np.array_equal(images.pixels, written.test[0])
    assert images.labels.tolist() == written.test[1]


def test_a_search_does_not_need_the_test_files(written: Written) -> None:
    for path in written.test_files:
        path.unlink()
    assert len(load_dataset(written.data, 0).validation) == 3
    one_line(lambda: load_test_images(written.data), written.data)


def test_a_missing_folder_is_an_error_in_one_line(written: Written) -> None:
    elsewhere = written.data.model_copy(update={"root": str(written.train_file) + ".nowhere"})
    one_line(lambda: load_dataset(elsewhere, 0), elsewhere)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_file_is_an_error_in_one_line(written: Written, share: float) -> None:
    content = written.train_file.read_bytes()
    written.train_file.write_bytes(content[: int(len(content) * share)])
    one_line(lambda: load_dataset(written.data, 0), written.data)


def test_the_folder_is_relative_to_the_current_directory(
    written: Written, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = written.data.model_copy(update={"root": "images"})
    assert load_dataset(here, 0).fingerprint == load_dataset(written.data, 0).fingerprint


@pytest.fixture
def stl10(tmp_path: Path, monkeypatch: Patch) -> Written:
    return write_stl10(tmp_path / "images", monkeypatch)


def test_unlabelled_images_are_for_training_only_and_have_no_label(stl10: Written) -> None:
    dataset = load_dataset(stl10.data.model_copy(update={"unlabelled": True}), 0)
    assert (dataset.train.labels == UNLABELLED).sum() == 6
    assert len(dataset.train) == 3 + 6
    assert (dataset.validation.labels != UNLABELLED).all()


def test_the_labelled_images_are_the_same_with_unlabelled_ones_beside_them(stl10: Written) -> None:
    without = load_dataset(stl10.data, 0)
    train = load_dataset(stl10.data.model_copy(update={"unlabelled": True}), 0).train
    labelled = train.subset((train.labels != UNLABELLED).nonzero().flatten())
    assert torch.equal(labelled.pixels, without.train.pixels)


def test_stl10s_unlabelled_images_are_those_of_studies_which_exist(stl10: Written) -> None:
    wanted = stl10.data.model_copy(update={"unlabelled": True})
    assert load_dataset(wanted, 0).fingerprint[:12] == "1b27afadaea0"


def test_images_that_training_leaves_are_used_without_labels_in_other_data_sets(
    written: Written,
) -> None:
    partly = written.data.model_copy(update={"train": 2, "unlabelled": True})
    labels = load_dataset(partly, 0).train.labels
    own_split = 6 if written.data.name == "stl10" else len(written.train[1]) - 2 - 3
    assert (labels == UNLABELLED).sum() == len(labels) - 2 == own_split


def test_unlabelled_images_are_only_needed_where_they_are_asked_for(stl10: Written) -> None:
    (stl10.train_file.parent / "unlabeled_X.bin").unlink()
    assert len(load_dataset(stl10.data, 0).train) == 3
    wanted = stl10.data.model_copy(update={"unlabelled": True})
    one_line(lambda: load_dataset(wanted, 0), wanted)


def test_a_damaged_gzip_file_is_an_error_in_one_line(tmp_path: Path) -> None:
    written = write_fashion_mnist(tmp_path / "images", zipped=True)
    content = bytearray(written.train_file.read_bytes())
    content[10] = 0xFF  # the first block's header, behind gzip's own
    written.train_file.write_bytes(content)
    one_line(lambda: load_dataset(written.data, 0), written.data)


def test_images_and_labels_of_different_number_are_an_error(tmp_path: Path) -> None:
    written = write_fashion_mnist(tmp_path / "images", zipped=False)
    labels = written.train_file.with_name("train-labels-idx1-ubyte")
    labels.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 19]) + bytes(19))
    message = one_line(lambda: load_dataset(written.data, 0), written.data)
    assert "20 images have 19 labels" in message


def test_fashion_mnist_that_is_there_is_not_downloaded_again(tmp_path: Path) -> None:
    written = write_fashion_mnist(tmp_path / "images", zipped=False, folder="FashionMNIST/raw")
    images = load_test_images(written.data.model_copy(update={"download": True}))
    assert np.array_equal(images.pixels, written.test[0])


def test_a_coloured_data_set_does_not_become_grey(stl10: Written) -> None:
    grey = stl10.data.model_copy(update={"channels": 1})
    with pytest.raises(DataError, match=r"^data\.channels: 1: stl10 has 3 channels\.$"):
        load_dataset(grey, 0)


@pytest.mark.parametrize("crop", [1.0, 0.8])
@pytest.mark.parametrize("sizes", [(40, 24), (24, 41), (3, 90), (500, 1), (16, 16)])
def test_the_longer_side_is_resized_and_borders_are_filled_as_timm_does(
    tmp_path: Path, sizes: tuple[int, int], crop: float
) -> None:
    side = int(16 / crop)
    image = Image.fromarray(drawn(9, *sizes, 3) // 2 + 60).resize(sizes[::-1])
    image.save(tmp_path / "it.png")
    pixels = Bordered(16, side, "bilinear", (10, 20, 30))(tmp_path / "it.png")
    resized = ResizeKeepRatio(side, longest=1.0, interpolation="bilinear")
    if min(sizes) * side / max(sizes) > 0.5:  # or timm fails
        expected = pil_to_tensor(CenterCropOrPad(16, fill=(10, 20, 30))(resized(image)))
        torch.testing.assert_close(pixels, expected, atol=2, rtol=0)
    assert pixels.shape == (3, 16, 16)


def test_borders_have_the_colour_of_the_mean(tmp_path: Path) -> None:
    written = write_image_folder(tmp_path / "images")
    for path in written.test_files:
        Image.fromarray(drawn(9, 8, 2, 3) // 2 + 100).save(path)
    for mean, colour in ((None, [0, 0, 0]), ((0.1, 0.2, 0.3), [26, 51, 76])):
        data = written.data.model_copy(update={"resize": "longer", "mean": mean})
        pixels = load_test_images(data).pixels
        assert pixels[0, :, 0, 0].tolist() == pixels[0, :, -1, -1].tolist() == colour
        assert pixels[0, :, 8, 8].min() > 90
