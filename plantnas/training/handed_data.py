"""Images from what Python callers have: torch Datasets, or pairs of tensors. All are read once.

What is more than memory should hold is read in stored_items.py.

How a study splits them is in data.py, what a reader of a named data set returns in datasets/.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from plantnas.errors import DataError, first_line, shown
from plantnas.tasks import Data
from plantnas.training.giving import plain, problem_of
from plantnas.training.images import DEEP, UNREADABLE, Images, Splits, reason_of, with_label
from plantnas.training.stored_items import IN_MEMORY, ItemReader, Reading, stored_items

WANTED = "a torch Dataset of (image, target), or a pair (images, targets) of tensors, is needed"
GREY = ("1", "L")
"""PIL's modes of images with one channel; all others become red, green and blue."""


@dataclass(frozen=True, eq=False)
class HandedData:
    """A data set that a Python caller hands over, as a study's reader.

    Attributes:
        train: Images to train on.
        validation: Images to choose networks by.
        test: Images for the report; None without any.
        num_classes: How many classes the targets are of, if that is more than they say.
    """

    train: Images
    validation: Images
    test: Images | None
    num_classes: int | None = None

    def by_name(self) -> dict[str, Images]:
        """The images by what a caller calls them."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: images for name, images in splits.items() if images is not None}

    def fingerprint(self) -> str:
        """SHA-256 of what a search may see, in hexadecimal."""
        digest = hashlib.sha256()
        for images in (self.train, self.validation):
            digest.update(str((len(images), *images.pixels.shape[1:])).encode())
            for part in images.parts():
                digest.update(part.contiguous().numpy().data)
            digest.update(str(tuple(images.labels.shape)).encode())
            digest.update(images.labels.contiguous().numpy().data)
        return digest.hexdigest()

    def __call__(self, data: Data, split: str) -> Splits | Images:
        """What a search may see, or the test images.

        Raises:
            DataError: There are no test images.
        """
        if split == "train":
            return Splits(self.train, self.validation, self.num_classes)
        if self.test is None:
            raise DataError("no test images were handed over: plantnas.search(..., test=...).")
        return self.test


def handed_data(train: Any, validation: Any, test: Any, reading: Reading = IN_MEMORY) -> HandedData:
    """The images of a search's arguments; what is odd about them is one line.

    Raises:
        DataError: They are no images with targets, of one size, or a split is empty.
    """
    given = {"train": train, "validation": validation}
    if test is not None:
        given["test"] = test
    read = {name: images_of(each, name, reading) for name, each in given.items()}
    first = read["train"]
    for name, images in read.items():
        for what, here, there in (
            ("images", images.pixels, first.pixels),
            ("targets", images.labels, first.labels),
        ):
            if here.shape[1:] != there.shape[1:] or here.dtype != there.dtype:
                raise DataError(
                    f"{name}: its {what} are {_kind(here)}, those of train {_kind(there)}: all are "
                    "to be alike."
                )
    if len(with_label(read["validation"].labels)) < len(read["validation"]):
        raise DataError("validation: has images without a target: networks are chosen by it.")
    return HandedData(first, read["validation"], read.get("test"))


def holds_images(given: object) -> bool:
    """Whether it is what `images_of` reads."""
    is_pair = isinstance(given, tuple | list) and len(given) == 2 and _is_array(given[0])
    return is_pair or isinstance(given, TorchDataset)


def images_of(given: object, name: str, reading: Reading = IN_MEMORY) -> Images:
    """The images of a torch Dataset or of a pair of tensors, each read once.

    Images may be PIL's, uint8, or floats of any shape, which networks take as they are. Targets are
    numbers of classes; several 0s and 1s, one a label; or floats, which are numbers to answer.

    Args:
        given: What a caller handed over.
        name: What the caller calls it, which messages begin with.
        reading: Where the images of a Dataset are that are more than memory should hold.

    Raises:
        DataError: They are no such images.
    """
    if isinstance(given, DataLoader):
        raise DataError(f"{name}: is a DataLoader, where {WANTED}: hand over its dataset.")
    if isinstance(given, TensorDataset):
        given = given.tensors
    if isinstance(given, Images):
        images = given
    elif isinstance(given, tuple | list) and holds_images(given):
        images = Images(_pixels(_tensor(given[0], name), name), _labels(given[1], name))
    else:
        images = _read(given, name, reading)
    if not len(images):
        raise DataError(f"{name}: is empty: it has no images.")
    checked = plain(images)
    if (problem := problem_of(checked)) is not None:
        raise DataError(f"{name}: {problem}")
    assert isinstance(checked, Images)  # or there is a problem
    return checked


def _read(items: Any, name: str, reading: Reading) -> Images:
    """All items of a Dataset; of one without a length in memory, whatever they take."""
    is_odd = isinstance(items, str | bytes | Mapping | Tensor | np.ndarray | nn.Module)
    if is_odd or not (hasattr(items, "__getitem__") or hasattr(items, "__iter__")):
        raise DataError(f"{name}: is a {type(items).__name__}, where {WANTED}.")
    images, targets = list[Tensor](), list[Tensor]()
    for place, (image, target) in enumerate(_pairs(items, name)):
        pixels = _one_image(image, f"{name}: image {place}")
        number = _one_target(target, f"{name}: target {place}")
        if _is_counted(items) and not place:
            size = len(items) * pixels.numel() * (4 if pixels.is_floating_point() else 1)
            if not reading.holds(size, name):
                return _stored(items, name, (pixels, number), reading)
        for what, each, others in (("image", pixels, images), ("target", number, targets)):
            if others:
                _check_size(name, what, place, each, others[0])
            others.append(each)
    if not images:
        raise DataError(f"{name}: is empty: it has no images.")
    return Images(_pixels(torch.stack(images), name), _labels(torch.stack(targets), name))


def _stored(items: Any, name: str, first_item: tuple[Tensor, Tensor], reading: Reading) -> Images:
    """All items of a Dataset, mapped from a file.

    Raises:
        DataError: They are no images with targets, of one size, or cannot be stored.
    """

    def read(index: int) -> tuple[Tensor, Tensor]:
        image, target = _pair(items[index], name, index)
        pixels = _one_image(image, f"{name}: image {index}")
        number = _one_target(target, f"{name}: target {index}")
        _check_size(name, "image", index, pixels, first_item[0])
        _check_size(name, "target", index, number, first_item[1])
        made = _of_one(pixels, name, index)
        if made.dtype != start.dtype:
            kinds = (str(each.dtype).removeprefix("torch.") for each in (made, start))
            raise DataError(
                f"{name}: image {index} is of {next(kinds)}, image 0 of {next(kinds)}: images of "
                "one kind are needed."
            )
        return made, number

    start = _of_one(first_item[0], name, 0)
    try:
        found = stored_items(ItemReader(read, len(items), name, items, start), reading)
    except UNREADABLE as error:
        raise DataError(f"{name}: cannot be read: {reason_of(error)}") from error
    return Images(found.pixels, _labels(found.targets, name), found.file)


def _of_one(pixels: Tensor, name: str, index: int) -> Tensor:
    """The pixels of one image as all of them become, floats in float32."""
    made = _pixels(pixels.unsqueeze(0), name)[0]
    if not made.is_floating_point():
        return made
    if not made.isfinite().all():
        raise DataError(f"{name}: image {index} has NaN or infinite values.")
    return made.float()


def _check_size(name: str, what: str, index: int, values: Tensor, of_first: Tensor) -> None:
    if values.shape != of_first.shape:
        raise DataError(
            f"{name}: {what} {index} is {_size(values.shape)}, {what} 0 {_size(of_first.shape)}: "
            f"{what}s of one size are needed"
            f"{', as Resize and CenterCrop make them' if what == 'image' else ''}."
        )


def _is_counted(items: Any) -> bool:
    return isinstance(items, Sized) and not isinstance(items, IterableDataset)


def _pairs(items: Any, name: str) -> Iterator[tuple[Any, Any]]:
    """The items of a Dataset, in order."""
    counted = (items[place] for place in range(len(items))) if _is_counted(items) else iter(items)
    return (_pair(item, name, place) for place, item in enumerate(counted))


def _pair(item: Any, name: str, index: int) -> tuple[Any, Any]:
    if not isinstance(item, Sequence) or len(item) != 2:
        what = f"{len(item)} things" if isinstance(item, Sequence) else type(item).__name__
        raise DataError(f"{name}: item {index} is {what}, where (image, target) is needed.")
    return item[0], item[1]


def _one_image(image: Any, where: str) -> Tensor:
    """Channels x height x width of an image; of other inputs whatever they have."""
    if isinstance(image, Image.Image):
        if image.mode.startswith(DEEP):
            raise DataError(
                f"{where} is a PIL image of mode {image.mode}, which has more than 8 bits a value: "
                "a tensor of floats is needed."
            )
        mode = "L" if image.mode in GREY else "RGB"
        array = np.asarray(image.convert(mode))
        return torch.from_numpy(array.copy()).view(*array.shape[:2], -1).permute(2, 0, 1)
    if isinstance(image, np.ndarray) and image.ndim == 3:
        image = torch.from_numpy(image).permute(2, 0, 1)  # as torchvision takes it
    if not _is_array(image):
        raise DataError(
            f"{where} is a {type(image).__name__}, where a PIL image, a tensor or an array is "
            "needed."
        )
    return _tensor(image, where)


def _tensor(numbers: Any, where: str) -> Tensor:
    """A tensor or an array as a tensor of the processor.

    Raises:
        DataError: It has no real numbers, or not one for each place.
    """
    if isinstance(numbers, np.ndarray):
        # Not mirrored, and in this machine's order of bytes: torch takes no other.
        numbers = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("="))
    try:
        tensor = torch.as_tensor(numbers).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{where}: no tensor can be made of it: {first_line(error)}.") from error
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise DataError(
            f"{where}: is a tensor of {tensor.layout} and {tensor.dtype}, where real numbers are "
            "needed, one a place."
        )
    return tensor


def _one_target(target: Any, where: str) -> Tensor:
    if isinstance(target, str | bytes) or target is None:
        raise DataError(f"{where} is {shown(target)}, where a number or a tensor is needed.")
    try:
        return torch.as_tensor(target).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        what = type(target).__name__
        raise DataError(f"{where} is a {what}, where a number or a tensor is needed.") from error


def _pixels(images: Tensor, name: str) -> Tensor:
    """uint8, images x channels x height x width; or floats as they are.

    Raises:
        DataError: They are whole numbers that are no pixels.
    """
    if images.is_floating_point() or not images.numel():
        return images
    if images.dtype != torch.uint8:
        images = images.long()  # some unsigned ones have no least
        least, most = (int(each) for each in (images.min(), images.max()))
        if least < 0 or most > 255:
            raise DataError(f"{name}: has values from {least} to {most}, not from 0 to 255.")
    return (images.unsqueeze(1) if images.ndim == 3 else images).to(torch.uint8)


def _labels(numbers: Any, name: str) -> Tensor:
    """int64, one class an image; or float32, images x outputs."""
    tensor = _tensor(numbers, f"{name}: its targets")
    if tensor.ndim == 1 and not tensor.is_floating_point():
        return tensor.long()
    return tensor.float()


def _kind(values: Tensor) -> str:
    what = "uint8 " if values.dtype == torch.uint8 else ""
    kinds = {torch.float32: "floats", torch.int64: "whole numbers"}
    if values.ndim == 1:
        return f"single {kinds.get(values.dtype, 'numbers')}"
    return what + _size(values.shape[1:])


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a number"


def _is_array(thing: object) -> bool:
    return isinstance(thing, Tensor | np.ndarray)
