"""The arithmetic of the tables: sizes, shared regions, allowed widths."""

import math

import pytest
import torch

from plantnas.channels.structure import (
    MODEL_OUTPUT,
    ChannelGroup,
    Segment,
    Structure,
    TensorAxis,
    classifier_tensors,
    shared_regions,
)
from plantnas.errors import PlantingError
from tests.structures import structure_of

ROWS = TensorAxis("w", 0, (Segment("a", 1), Segment("b", 3)), "rows")
COLUMNS = TensorAxis("w", 1, (Segment("b", 2),), "columns")
NARROW, WIDE = {"a": 2, "b": 1}, {"a": 3, "b": 4}


def structure_at(widths):
    groups = {name: ChannelGroup(name, width, 1, (), None) for name, width in widths.items()}
    shape = (ROWS.size(widths), COLUMNS.size(widths), 3, 3)
    return Structure(groups, (ROWS, COLUMNS), (), {"w": shape, "other": (7,)}, ("w",))


@pytest.mark.parametrize(("widths", "shape"), [(NARROW, (5, 2, 3, 3)), (WIDE, (15, 8, 3, 3))])
def test_a_dimensions_size_is_the_sum_of_its_segments(widths, shape):
    assert structure_at(NARROW).shapes_with(widths) == {"w": shape, "other": (7,)}
    assert structure_at(NARROW).parameters(widths) == math.prod(shape)


def test_shared_regions_cover_the_narrow_tensor_once_and_lie_at_each_segments_start():
    narrow = torch.zeros(structure_at(NARROW).shapes["w"][:2])
    wide = torch.zeros(structure_at(WIDE).shapes["w"][:2])
    for box, wide_box in shared_regions([ROWS, COLUMNS], 2, NARROW, WIDE):
        narrow[box] += 1
        wide[wide_box] += 1
    assert (narrow == 1).all()
    assert wide.nonzero()[:, 0].unique().tolist() == [0, 1, 3, 4, 5]
    assert wide.nonzero()[:, 1].unique().tolist() == [0, 1]


@pytest.mark.parametrize("width", [0, 2, 3, 6])
def test_widths_are_multiples_of_the_granularity_from_the_minimum(width):
    structure = structure_of(ChannelGroup("a", 8, 4, (), None, minimum=8))
    assert structure.widths_with({"a": 12}) == {"a": 12}
    with pytest.raises(PlantingError, match="only multiples of 4 from 8 are"):
        structure.widths_with({"a": width})


def test_a_frozen_group_may_be_named_with_the_width_that_it_has():
    structure = structure_of(ChannelGroup("a", 8, 1, (), "of this"))
    assert structure.widths_with({"a": 8}) == {"a": 8}
    with pytest.raises(PlantingError, match="cannot change, since of this"):
        structure.widths_with({"a": 9})


def test_the_classifiers_tensors_are_those_whose_rows_are_the_models_outputs():
    groups = {
        "a": ChannelGroup("a", 8, 1, (), None),
        "b": ChannelGroup("b", 2, 1, (), MODEL_OUTPUT),
    }
    columns = TensorAxis("head.weight", 1, (Segment("a", 1),), "columns")
    rows = TensorAxis("head.weight", 0, (Segment("b", 1),), "rows")
    other = TensorAxis("stem.weight", 0, (Segment("a", 1),), "rows")
    structure = Structure(groups, (other, columns, rows), (), {}, ())
    assert classifier_tensors(structure) == {"head.weight"}
