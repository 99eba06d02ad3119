"""What a lineage planted where: the channels of each group, by step. No other network is shown.

The bars show shares of the teacher's widths, not channels: a network's last groups have many times
the channels of its first ones, whose bars would be too short to read. In shares all bars have the
same end, and the question of a reader, where planting went beyond or stayed behind the teacher's
proportions, is answered at sight. The channels are written in the bars and behind them. A group
wider than the teacher's goes beyond 100 %. Without a teacher (or if it lacks one of the groups)
the bars show channels.
"""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go

from plantnas.errors import StudyError
from plantnas.records.record import NetworkRecord
from plantnas.report.front import PLANTING, lineage, winning_lineage
from plantnas.report.plotting.styles import (
    TEACHER_COLOUR,
    lay_out,
    say_empty,
    step_colour,
)
from plantnas.report.study_data import StudyData

ROW_PIXELS = 26
PATTERNS = ("", "/", "x", ".")
"""Over the colours of each `PATTERN_STEPS` steps, so that they differ in a grey print."""
PATTERN_STEPS = 3
MOST_NAMED = 20
"""Numbers that an error message says; of more, the first ones."""


class WidthsInfo(NamedTuple):
    """What the plot of widths shows.

    Attributes:
        study: Name of the study.
        network_id: The last network of the lineage; None if there is no planted one yet.
        groups: Names of the channel groups, in the order of the network.
        planted: By step, from 0 for the seed's own: the new channels of each group.
        teacher: The teacher's width of each group that it has.
    """

    study: str
    network_id: int | None
    groups: list[str]
    planted: list[dict[str, int]]
    teacher: dict[str, int]

    @property
    def widths(self) -> dict[str, int]:
        """Channels of each group after the last step."""
        return {group: sum(each[group] for each in self.planted) for group in self.groups}

    @property
    def has_shares(self) -> bool:
        """Whether all groups have a width of the teacher to be compared with."""
        return all(group in self.teacher for group in self.groups)

    def scale(self, group: str) -> float:
        """What a channel of a group is on the axis: per cent of the teacher's width, or 1."""
        return 100 / self.teacher[group] if self.has_shares else 1.0


def widths_info(data: StudyData, network_id: int | None = None) -> WidthsInfo:
    """The data of the plot of widths.

    Args:
        data: All of the study.
        network_id: The last network of the lineage; None stands for the most accurate planted
            network on the front of validation.

    Raises:
        StudyError: There is no planted network of that number.
    """
    family = planted_lineage(data, network_id)
    teacher = data.teacher.widths if data.teacher else {}
    if not family:
        return WidthsInfo(data.name, None, [], [], teacher)
    groups = list(family[0].widths)
    planted = [{group: each.planted.get(group, 0) for group in groups} for each in family[1:]]
    return WidthsInfo(data.name, family[-1].id, groups, [family[0].widths, *planted], teacher)


def planted_lineage(data: StudyData, network_id: int | None = None) -> list[NetworkRecord]:
    """A planted network and its ancestors, the seed first.

    Args:
        data: All of the study.
        network_id: Its number; None stands for the most accurate planted network on the front of
            validation, and the lineage is empty if there is none yet.

    Raises:
        StudyError: There is no planted network of that number.
    """
    if network_id is None:
        return winning_lineage(data.networks)
    planted = {each.id: each for each in data.networks if each.method == PLANTING}
    if network_id not in planted:
        raise StudyError(
            f"study {data.name!r}: network {network_id} is none of its planted networks; allowed: "
            f"{_allowed(list(planted.values()))}."
        )
    return lineage(data.networks, planted[network_id])


def widths_figure(info: WidthsInfo) -> go.Figure:
    """Horizontal bars, the input at the top; the teacher's are outlines."""
    name = "" if info.network_id is None else f" of network {info.network_id}"
    figure = lay_out(go.Figure(), f"{escape(info.study)}: widths{name}")
    figure.update_layout(height=max(300, ROW_PIXELS * len(info.groups) + 190), barmode="overlay")
    figure.update_layout(uniformtext={"minsize": 9, "mode": "hide"}, margin_r=85)
    figure.add_traces([*_step_traces(info), *_teacher_traces(info), *_total_traces(info)])
    title = "share of the teacher's width (%)" if info.has_shares else "channels"
    longest = max(_ends(info).values(), default=100)
    figure.update_xaxes(title=title, range=[0, 1.01 * longest])
    ends = [len(info.groups) - 0.4, -0.6]
    names = [escape(group) for group in info.groups]
    ticks: dict[str, Any] = {"tickvals": list(range(len(names))), "ticktext": names}
    figure.update_yaxes(range=ends, showgrid=False, zeroline=False, ticks="", **ticks)
    if not info.groups:
        figure.update_layout(xaxis_visible=False, yaxis_visible=False)
        say_empty(figure, "no network on the front has been planted yet")
    return figure


def _allowed(planted: Sequence[NetworkRecord]) -> str:
    """The first of the grown networks, and what else can be asked for."""
    grown = [str(each.id) for each in planted if each.kind == "grow"]
    named = [*grown[:MOST_NAMED], *["..."] * (len(grown) > MOST_NAMED)]
    screened = ["any screened one"] * (len(grown) < len(planted))
    return ", ".join([*named, *screened]) or "none yet"


def _step_traces(info: WidthsInfo) -> list[go.Bar]:
    """The seed's bars, and behind them what each step planted."""
    reached = dict.fromkeys(info.groups, 0)
    traces = []
    for step, planted in enumerate(info.planted):
        traces.append(_step_trace(info, step, reached))
        reached = {group: reached[group] + planted[group] for group in info.groups}
    return traces


def _step_trace(info: WidthsInfo, step: int, reached: dict[str, int]) -> go.Bar:
    rows = {group: row for row, group in enumerate(info.groups) if info.planted[step][group]}
    new = {group: info.planted[step][group] for group in rows}
    pattern = PATTERNS[(step - 1) // PATTERN_STEPS % len(PATTERNS)] if step else "\\"
    return go.Bar(
        x=[info.scale(group) * new[group] for group in rows],
        y=list(rows.values()),
        base=[info.scale(group) * reached[group] for group in rows],
        orientation="h",
        width=0.72,
        name=f"step {step}" if step else "seed",
        marker={
            "color": step_colour(step),
            "line": {"color": "white", "width": 1},
            "pattern": {"shape": pattern, "fgcolor": "white", "fgopacity": 0.35, "size": 7},
        },
        text=[f"{'+' if step else ''}{new[group]}" for group in rows],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        hovertext=[_hover(info, step, group, reached[group]) for group in rows],
        hoverinfo="text",
    )


def _hover(info: WidthsInfo, step: int, group: str, before: int) -> str:
    new = info.planted[step][group]
    did = f"step {step}: {before} + {new} = {before + new} channels" if step else f"seed: {new}"
    wide = f"<br>teacher: {info.teacher[group]} channels" if group in info.teacher else ""
    return f"<b>{escape(group)}</b><br>{did}{wide}"


def _teacher_traces(info: WidthsInfo) -> list[go.Bar]:
    rows = {group: row for row, group in enumerate(info.groups) if group in info.teacher}
    outline = go.Bar(
        x=[info.scale(group) * info.teacher[group] for group in rows],
        y=list(rows.values()),
        orientation="h",
        width=0.84,
        name="teacher",
        marker={"color": "rgba(0,0,0,0)", "line": {"color": TEACHER_COLOUR, "width": 1.5}},
        hoverinfo="skip",
    )
    return [outline] if rows else []


def _total_traces(info: WidthsInfo) -> list[go.Scatter]:
    """The channels in words, right of the bars, in one column where all have the same end."""
    ends = _ends(info)
    totals = go.Scatter(
        x=list(ends.values()),
        y=list(range(len(info.groups))),
        mode="text",
        text=[
            f" {width} of {info.teacher[group]}" if group in info.teacher else f" {width}"
            for group, width in info.widths.items()
        ],
        textposition="middle right",
        textfont={"size": 12},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    return [totals] if ends else []


def _ends(info: WidthsInfo) -> dict[str, float]:
    """Where the longer of a group's bar and its outline ends."""
    return {
        group: info.scale(group) * max(width, info.teacher.get(group, 0))
        for group, width in info.widths.items()
    }
