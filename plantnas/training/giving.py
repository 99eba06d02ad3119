"""What a data set's reader gives, checked: one line tells what is wrong with it.

What is made of it is in data.py.
"""

from dataclasses import replace

import torch
from torch import Tensor

from plantnas.tasks import Task
from plantnas.training.images import UNLABELLED, Images, with_label

MOST_CLASSES = 10**6
PIXELS = "uint8, images x channels x height x width, or float32, images x channels x any sizes"
LABELS = "int64, a label an image, or float32, images x outputs"


def plain(returned: object) -> object:
    """What a reader returned, its floats in float32 and one number an image as one output."""
    if not isinstance(returned, Images) or not isinstance(returned.labels, Tensor):
        return returned
    pixels, labels = returned.pixels, returned.labels
    if isinstance(pixels, Tensor) and pixels.is_floating_point():
        pixels = pixels.float()
    if labels.is_floating_point():
        labels = labels.float().unsqueeze(1) if labels.ndim == 1 else labels.float()
    return replace(returned, pixels=pixels, labels=labels)


def problem_of(returned: object) -> str | None:
    """What is wrong with what a reader returned, if it is not what any task learns from."""
    if not isinstance(returned, Images):
        return f"returned a {type(returned).__name__}, where {Images.__module__}.Images is needed."
    pixels, labels = returned.pixels, returned.labels
    for name, given, words in (("pixels", pixels, PIXELS), ("labels", labels, LABELS)):
        if not isinstance(given, Tensor):
            kind = f"{type(given).__name__}{_shapes(given)}"
            return f"its {name} are a {kind}, where a Tensor is needed: {words}."
    are_pixels = pixels.dtype == torch.uint8 and pixels.ndim == 4
    are_floats = pixels.dtype == torch.float32 and pixels.ndim > 1
    for name, given, words, is_right in (
        ("pixels", pixels, PIXELS, are_pixels or are_floats),
        ("labels", labels, LABELS, (labels.dtype, labels.ndim) in KINDS_OF_LABELS),
    ):
        if not is_right:
            return f"its {name} are {given.dtype} of shape {tuple(given.shape)}, not {words}."
    if len(pixels) != len(labels):
        return f"{len(pixels)} images have {len(labels)} labels."
    for name, given in (("pixels", pixels), ("labels", labels)):
        if not given.numel():
            return f"its {name} are none: their shape is {tuple(given.shape)}."
    # What is mapped was looked at when it was written.
    return (None if returned.file else _infinite(pixels)) or _out_of_range(labels)


KINDS_OF_LABELS = ((torch.int64, 1), (torch.float32, 2))
"""Of which type they are, and how many dimensions they have."""


def task_of(labels: Tensor, task: Task | None) -> Task:
    """What is learnt from labels.

    Args:
        labels: As those of `Images`.
        task: What the study says that it is, if it does.

    Raises:
        ValueError: They are not of the task that is asked for.
    """
    if not labels.is_floating_point():
        if task in (None, "classification"):
            return "classification"
        raise ValueError("its labels are int64, one class an image, not float32, images x outputs.")
    if task == "classification":
        raise ValueError(
            f"its labels are float32 of shape {tuple(labels.shape)}, not int64, a label an image."
        )
    known = labels[with_label(labels)]
    others = known[(known != 0) & (known != 1)]
    if task == "multilabel" and len(others):
        raise ValueError(f"a label is {others[0]:g}, where each is 0 or 1.")
    return task or ("regression" if len(others) else "multilabel")


def _shapes(given: object) -> str:
    """The shapes of several tensors in a list, where they differ."""
    tensors = given if isinstance(given, list | tuple) else ()
    shapes = sorted({tuple(each.shape) for each in tensors if isinstance(each, Tensor)})
    if len(shapes) < 2:
        return ""
    return f" of {len(shapes)} shapes, as {shapes[0]} and {shapes[-1]}"


def _infinite(pixels: Tensor) -> str | None:
    if not pixels.is_floating_point():
        return None
    finite = pixels.isfinite().flatten(1).all(1)
    if finite.all():
        return None
    first, bad = int((~finite).nonzero()[0]), int((~finite).sum())
    return f"{bad} of its {len(pixels)} images have NaN or infinite values, the first is {first}."


def _out_of_range(labels: Tensor) -> str | None:
    if labels.is_floating_point():
        unknown = labels.isnan()
        partly = unknown.any(1) & ~unknown.all(1) | labels.isinf().any(1)
        if not partly.any():
            return None
        return (
            f"the labels of image {int(partly.nonzero()[0])} are not all finite; of an image "
            "without labels all are NaN."
        )
    least, most = labels.aminmax()
    if least < UNLABELLED or most >= MOST_CLASSES:
        return (
            f"its labels are from {least} to {most}, not from 0 to the number of classes - 1, or "
            f"{UNLABELLED} for images without one."
        )
    return None
