"""Structures without a network, for what is decided by groups and costs alone."""

from plantnas.channels.structure import ChannelGroup, Segment, Structure, TensorAxis


def structure_of(*groups: ChannelGroup) -> Structure:
    """Groups that cost a hundred parameters a channel."""
    names = {group.name: f"{group.name}.weight" for group in groups}
    return Structure(
        groups={group.name: group for group in groups},
        axes=tuple(TensorAxis(names[each], 0, (Segment(each, 1),), "rows") for each in names),
        weight_uses=(),
        shapes={names[group.name]: (group.width, 100) for group in groups},
        parameter_names=tuple(names.values()),
    )
