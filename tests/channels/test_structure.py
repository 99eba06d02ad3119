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
    WeightUse,
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


TRIANGULAR = Structure(
    groups={
        "first": ChannelGroup("first", 6, 1, ("first",), None),
        "second": ChannelGroup("second", 5, 1, ("second",), None),
        "out": ChannelGroup("out", 3, 1, ("head",), MODEL_OUTPUT),
    },
    axes=(
        TensorAxis("first.weight", 0, (Segment("first", 1),), "rows"),
        TensorAxis("second.weight", 0, (Segment("second", 1),), "rows"),
        TensorAxis("second.weight", 1, (Segment("first", 2),), "columns"),
        TensorAxis("head.weight", 0, (Segment("out", 1),), "rows"),
        TensorAxis("head.weight", 1, (Segment("second", 1),), "columns"),
    ),
    weight_uses=(WeightUse("second.weight", 10),),
    shapes={"first.weight": (6, 3), "second.weight": (5, 12), "head.weight": (3, 5)},
    parameter_names=("first.weight", "second.weight", "head.weight"),
    ancestors=({"first": 4, "second": 2, "out": 3},),
)
"""Two old rows of `second` do not see the two blocks of new channels of `first`, of two each."""


def test_what_old_rows_do_not_see_is_no_parameter_and_costs_nothing() -> None:
    assert TRIANGULAR.parameters() == 18 + (60 - 2 * 4) + 15
    assert TRIANGULAR.macs() == 10 * (60 - 2 * 4)


def test_each_growth_is_a_step_of_its_own() -> None:
    wider = TRIANGULAR.with_widths({"first": 7})
    assert wider.ancestors == ({"first": 4, "second": 2, "out": 3}, TRIANGULAR.widths)
    assert wider.parameters() == TRIANGULAR.parameters() + 3  # rows of first; none sees them
    assert wider.with_widths({"second": 6}).parameters() == wider.parameters() + 14 + 3


def test_a_crop_to_an_ancestor_has_all_that_it_had() -> None:
    narrow = TRIANGULAR.with_widths({"first": 4, "second": 2})
    assert narrow.ancestors == ()
    assert narrow.parameters() == 12 + 16 + 6


OF_THREE = structure_of(
    ChannelGroup("free", 4, 1, (), None),
    ChannelGroup("mixed", 4, 1, (), "a norm", mixed="a norm"),
    ChannelGroup("both", 4, 1, (), "the code", mixed="a norm"),
)


def test_what_is_frozen_for_the_function_alone_is_opened_and_closed_again() -> None:
    assert list(OF_THREE.growable) == ["free"]
    assert list(OF_THREE.opened.growable) == ["free", "mixed"]
    assert OF_THREE.opened.closed == OF_THREE


def test_groups_that_are_not_named_are_fixed_with_a_reason() -> None:
    fixed = OF_THREE.opened.fixed_but({"mixed"}, "it is old")
    assert list(fixed.growable) == ["mixed"]
    assert [each.frozen for each in fixed.groups.values()] == ["it is old", None, "the code"]
