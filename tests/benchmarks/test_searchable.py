"""A study of two batches an epoch says whether an architecture can be searched, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.searchable import images, search_fault, study_of, summary

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
from torch import nn

def segmenting(num_classes, in_channels):
    return nn.Sequential(nn.Conv2d(in_channels, 4, 1), nn.Conv2d(4, num_classes, 1))
"""


@pytest.mark.slow
def test_an_architecture_that_can_be_searched_has_no_fault() -> None:
    assert search_fault("plain-small", 16) == ""


@pytest.mark.slow
def test_a_fault_is_told_in_one_line(folder: Path) -> None:
    (folder / "segmenting_of_mine.py").write_text(SOURCE)
    fault = search_fault("segmenting_of_mine:segmenting", 8)
    assert fault.endswith("where a study needs logits of images x classes, [2, 4].")


def test_its_images_are_of_every_class_alike() -> None:
    noise = images(study_of("plain-small", 16).data, "train")
    assert noise.pixels.shape == (32, 3, 16, 16)
    assert noise.labels.bincount().tolist() == [8, 8, 8, 8]


def test_what_cannot_be_searched_is_listed_with_the_reason() -> None:
    lines = summary({"timm/a": "", "timm/b": "has no logits.", "timm/c": ""})
    assert lines == ["2 of 3 can be searched; not:", "", "- timm/b: has no logits."]
