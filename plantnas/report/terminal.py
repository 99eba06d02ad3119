"""Tables of networks and channel groups for a terminal, or as JSON. Nothing here prints."""

import json
from collections.abc import Iterator, Sequence
from math import isnan

from rich.table import Table

from plantnas.channels.costs import shown_cost, title_of
from plantnas.channels.structure import ChannelGroup, Structure
from plantnas.grouping import grouped
from plantnas.measured import Split
from plantnas.records.record import NetworkRecord
from plantnas.report.front import PLANTING, front_and_references, metric_of, teacher_of


def front_table(networks: Sequence[NetworkRecord]) -> Table:
    """The Pareto front, with seed and teacher: widths, cost and accuracy, to choose by."""
    table = Table(title="Pareto front, with seed and teacher", title_justify="left")
    for column in ("network", "method", "step"):
        table.add_column(column)
    table.add_column("widths", overflow="fold")
    heading, teacher = metric_of(networks).heading, teacher_of(networks)
    others, splits = cost_columns(networks), (f"validation {heading}", f"test {heading}")
    for column in ("parameters", "% of teacher", "MACs", *others, *splits):
        table.add_column(column, justify="right")
    for record in front_and_references(networks):
        table.add_row(
            str(record.id),
            record.method,
            "" if record.step is None else str(record.step),
            " ".join(map(str, record.widths.values())),
            f"{record.parameters:,}",
            f"{100 * record.parameters / teacher.parameters:.1f}" if teacher else "",
            f"{record.macs:,}",
            *(cost_text(record, networks) for _ in others),
            accuracy_text(record, "validation"),
            accuracy_text(record, "test"),
        )
    return table


def cost_columns(networks: Sequence[NetworkRecord]) -> list[str]:
    """The heading of what accuracy is traded for, where that is not among parameters and MACs."""
    names = {record.cost_name for record in networks} - {"parameters", "macs"}
    return [title_of(name) for name in names]


def cost_text(record: NetworkRecord, networks: Sequence[NetworkRecord]) -> str:
    """What a network costs as its study counts, and how much that is of the teacher's."""
    if isnan(record.cost):
        return ""
    teacher = teacher_of(networks)
    share = ""
    if teacher is not None and not isnan(teacher.cost):
        share = f" ({100 * record.cost / teacher.cost:.1f} %)"
    return f"{shown_cost(record.cost)}{share}"


def cost_table(networks: Sequence[NetworkRecord]) -> Table:
    """Seconds by step and kind of planting, and by method; failed trials leave no network."""
    table = Table(title="Cost", title_justify="left")
    table.add_column("what")
    for column in ("networks", "seconds", "seconds each"):
        table.add_column(column, justify="right")
    seconds = grouped(
        (
            f"step {record.step}, {record.kind}" if record.method == PLANTING else record.method,
            sum(record.seconds.values()),
        )
        for record in networks
    )
    for name, each in seconds.items():
        table.add_row(name, str(len(each)), f"{sum(each):.1f}", f"{sum(each) / len(each):.2f}")
    return table


def groups_table(structure: Structure) -> Table:
    """A row a channel group, with what one more granule of channels costs."""
    table = Table(title="Channel groups", title_justify="left")
    table.add_column("group", overflow="fold")
    for column in ("width", "granularity", "members", "+ parameters", "+ MACs"):
        table.add_column(column, justify="right")
    table.add_column("grows", overflow="fold")
    for group, parameters, macs in _groups_with_costs(structure):
        cost = ["" if number is None else f"{number:,}" for number in (parameters, macs)]
        numbers = [str(group.width), str(group.granularity), str(len(group.members)), *cost]
        refusal = "where the function may change" if group.only_crops else "no"
        grows = "yes" if group.growable else f"{refusal}: {group.frozen}"
        table.add_row(group.name, *numbers, grows)
    return table


def groups_json(structure: Structure) -> str:
    """The same as a JSON list of objects, with the members' names.

    `parameters` and `macs` are what one more granule of channels costs, and `frozen` says why a
    group cannot grow; they are null where that has no meaning. `only_crops`: it grows in studies
    whose children do not start with their parent's function.
    """
    rows = [
        {
            "group": group.name,
            "width": group.width,
            "granularity": group.granularity,
            "minimum": group.minimum,
            "members": group.members,
            "parameters": parameters,
            "macs": macs,
            "frozen": group.frozen,
            "only_crops": group.only_crops,
        }
        for group, parameters, macs in _groups_with_costs(structure)
    ]
    return json.dumps(rows, indent=2)


def _groups_with_costs(
    structure: Structure,
) -> Iterator[tuple[ChannelGroup, int | None, int | None]]:
    """Each group, and the parameters and MACs of one more granule; None if it cannot grow."""
    parameters, macs = structure.parameters(), structure.macs()
    for group in structure.groups.values():
        if group.growable:
            wider = {group.name: group.width + group.granularity}
            yield (
                group,
                structure.parameters(wider) - parameters,
                structure.macs(wider) - macs,
            )
        elif group.followed:
            yield group, None, None


def accuracy_text(record: NetworkRecord, split: Split) -> str:
    """The network's accuracy in per cent, or other metric; empty where it was not evaluated."""
    evaluation = record.evaluation_on(split)
    return evaluation.metric.figure(evaluation.accuracy) if evaluation else ""
