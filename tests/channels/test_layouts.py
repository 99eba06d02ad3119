"""Union-find with splitting: which channels become one group."""

from plantnas.channels.layouts import (
    Channels,
    Layout,
    Piece,
    all_roots,
    cut,
    freeze,
    join_channels,
    resolve,
    unify,
)


def _nodes(*widths: int) -> list[Channels]:
    return [Channels(width, f"layer{i}", (i,)) for i, width in enumerate(widths)]


def _layout(*nodes: Channels, block: int = 1) -> Layout:
    return tuple(Piece(node, block) for node in nodes)


def _frozen(node: Channels) -> str | None:
    (reason,) = {root.frozen for root, _ in resolve(_layout(node))}
    return reason


def _widths(layout: Layout) -> list[int]:
    return [channels.width for channels, _ in resolve(layout)]


def test_the_earliest_node_names_a_union():
    first, second = _nodes(4, 4)
    unify(_layout(second), _layout(first))
    assert all_roots([first, second]) == [first]


def test_a_wider_node_is_split_where_the_other_layout_changes():
    whole, left, right = _nodes(7, 3, 4)
    unify(_layout(whole), _layout(left, right))
    assert _widths(_layout(whole)) == [3, 4]
    assert resolve(_layout(whole)) == resolve(_layout(left, right))


def test_a_split_reaches_layouts_that_were_made_before():
    whole, other, left, right = _nodes(7, 7, 3, 4)
    unify(_layout(whole), _layout(other))
    unify(_layout(other), _layout(left, right))
    assert _widths(_layout(whole, whole)) == [3, 4, 3, 4]


def test_a_layout_shifted_against_itself_ties_its_parts():
    first, second = _nodes(2, 4)
    unify(_layout(first, second), _layout(second, first))
    assert len(all_roots([first, second])) == 1
    assert _widths(_layout(second)) == [2, 2]


def test_channels_meet_coarser_blocks_by_being_regrouped():
    pixels, values = _nodes(4, 8)
    values.require(6, minimum=4)
    unify(_layout(pixels, block=2), _layout(values))
    assert resolve(_layout(values)) == resolve(_layout(pixels, block=2))
    (root,) = all_roots([pixels, values])
    assert (root.width, root.minimum) == (4, 2)


def test_channels_that_do_not_fill_coarser_blocks_are_frozen():
    pixels, values, others = _nodes(2, 3, 3)
    unify(_layout(pixels, block=3), _layout(values, others))
    assert _frozen(pixels) is None
    pixels, values, others = _nodes(2, 1, 3)
    unify(_layout(pixels, block=2), _layout(values, others))
    reason = "it meets channels that are arranged in another way"
    assert {_frozen(node) for node in (pixels, values, others)} == {reason}


def test_unfollowed_channels_name_no_union_that_has_another_member():
    unknown = Channels(3, "unknown", (0,), unfollowed=True)
    (known,) = _nodes(3)
    unify(_layout(unknown), _layout(known))
    assert all_roots([unknown, known]) == [known]


def test_a_union_has_both_granularities_and_the_first_reason():
    first, second = _nodes(12, 12)
    first.require(4)
    second.require(6)
    second.freeze("of this")
    second.freeze("of that")
    unify(_layout(first), _layout(second))
    assert (resolve(_layout(first))[0].channels.granularity, _frozen(first)) == (12, "of this")


def test_a_split_within_a_granule_freezes():
    whole, left, right = _nodes(6, 2, 4)
    whole.require(3)
    unify(_layout(whole), _layout(left, right))
    assert "multiple of 3" in str(_frozen(left))


def test_freezing_reaches_all_parts():
    whole, left, right = _nodes(7, 3, 4)
    unify(_layout(whole), _layout(left, right))
    freeze(_layout(whole), "of this")
    assert _frozen(left) == _frozen(right) == "of this"


def test_cutting_splits_channels_and_keeps_the_order():
    first, second = _nodes(2, 4)
    parts = cut(_layout(first, second, block=3), 2)
    assert parts is not None
    assert [_widths(part) for part in parts] == [[2, 1], [3]]


def test_cutting_inside_a_channel_is_impossible():
    (node,) = _nodes(3)
    assert cut(_layout(node, block=2), 2) is None


def test_cutting_into_unequal_parts_is_impossible():
    (node,) = _nodes(5)
    assert cut(_layout(node), 2) is None


def test_consecutive_channels_become_one_of_a_larger_block():
    (node,) = _nodes(8)
    assert _widths(join_channels(_layout(node), 4)) == [2]
    assert resolve(_layout(node)) == _layout(*all_roots([node]), block=4)


def test_channels_are_not_joined_where_some_would_be_left():
    first, second = _nodes(3, 5)
    assert join_channels(_layout(first, second), 4) is None


def test_blocks_that_are_large_enough_are_taken_apart():
    (node,) = _nodes(3)
    assert join_channels(_layout(node, block=4), 2) == _layout(node, block=2)
