"""What a lineage planted where: the channels of each group, by step. No other network is shown.

The bars show shares of the teacher's widths, not channels: a network's last groups have many times
the channels of its first ones, whose bars would be too short to read. In shares all bars have the
same end, and the question of a reader, where planting went beyond or stayed behind the teacher's
proportions, is answered at sight. The channels are written in the bars and behind them. A group
wider than the teacher's goes beyond 100 %. Without a teacher (or if it lacks one of the groups)
the bars show channels.
"""

from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from plantnas.errors import StudyError
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
"""What lies over the colours of each `PATTERN_STEPS` steps: they differ in a grey print."""
PATTERN_STEPS = 3
MOST_NAMED = 20
"""Numbers that an error message says; of more, the first ones."""


class WidthsInfo(NamedTuple):
    """What the plot of widths shows.

    Attributes:
        name: Name of the study.
        network_id: The last network of the lineage; None if there is no planted one yet.
        groups: Names of the channel groups, in the order of the network.
        planted: The new channels of each group by step, from 0 for the seed's own.
        teacher: The teacher's width of each group that it has.
    """

    name: str
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

    def scale(self, group_name: str) -> float:
        """What a channel of a group is on the axis: per cent of the teacher's width, or 1."""
        return 100 / self.teacher[group_name] if self.has_shares else 1.0


def widths_info(recorded: StudyData, network_id: int | None = None) -> WidthsInfo:
    """The data of the plot of widths.

    Args:
        recorded: All of the study.
        network_id: The last network of the lineage; None stands for the most accurate planted
            network on the front of validation, and nothing is shown if there is none yet.

    Raises:
        StudyError: There is no planted network of that number.
    """
    if network_id is None:
        family = winning_lineage(recorded.networks)
    else:
        planted = {each.id: each for each in recorded.networks if each.method == PLANTING}
        if network_id not in planted:
            grown = [str(each.id) for each in planted.values() if each.kind == "grow"]
            allowed = grown[:MOST_NAMED]
            if len(grown) > MOST_NAMED:
                allowed.append("...")
            if len(grown) < len(planted):
                allowed.append("any screened one")
            raise StudyError(
                f"study {recorded.name!r}: network {network_id} is none of its planted networks; "
                f"allowed: {', '.join(allowed) or 'none yet'}."
            )
        family = lineage(recorded.networks, planted[network_id])
    teacher = recorded.teacher.widths if recorded.teacher else {}
    if not family:
        return WidthsInfo(recorded.name, None, [], [], teacher)
    seed, *grown_in = family
    groups = list(seed.widths)
    new = [{group: each.planted.get(group, 0) for group in groups} for each in grown_in]
    return WidthsInfo(recorded.name, family[-1].id, groups, [seed.widths, *new], teacher)


def widths_figure(plantings: WidthsInfo) -> go.Figure:
    """Horizontal bars, the input at the top; the teacher's are outlines.

    The channels are written right of the bars, in one column where all have the same end.
    """
    groups, teacher = plantings.groups, plantings.teacher
    positions = list(range(len(groups)))
    ends = {
        group: plantings.scale(group) * max(width, teacher.get(group, 0))
        for group, width in plantings.widths.items()
    }
    name = "" if plantings.network_id is None else f" of network {plantings.network_id}"
    figure = lay_out(go.Figure(), f"{escape(plantings.name)}: widths{name}")
    figure.update_layout(height=max(300, ROW_PIXELS * len(groups) + 190), barmode="overlay")
    figure.update_layout(uniformtext={"minsize": 9, "mode": "hide"}, margin_r=85)
    figure.add_traces(_bars(plantings))
    if groups:
        figure.add_scatter(
            x=list(ends.values()),
            y=positions,
            mode="text",
            text=[
                f" {width} of {teacher[group]}" if group in teacher else f" {width}"
                for group, width in plantings.widths.items()
            ],
            textposition="middle right",
            textfont={"size": 12},
            cliponaxis=False,
            hoverinfo="skip",
            showlegend=False,
        )
    title = "share of the teacher's width (%)" if plantings.has_shares else "channels"
    figure.update_xaxes(title=title, range=[0, 1.01 * max(ends.values(), default=100)])
    names = [escape(group) for group in groups]
    figure.update_yaxes(tickvals=positions, ticktext=names, ticks="")
    figure.update_yaxes(range=[len(groups) - 0.4, -0.6], showgrid=False, zeroline=False)
    if not groups:
        figure.update_layout(xaxis_visible=False, yaxis_visible=False)
        say_empty(figure, "no network on the front has been planted yet")
    return figure


def _bars(plantings: WidthsInfo) -> list[go.Bar]:
    """The seed's bars, behind them what each step planted, and the outlines of the teacher's."""
    bars, reached, teacher = [], dict.fromkeys(plantings.groups, 0), plantings.teacher
    for step, planted in enumerate(plantings.planted):
        rows = {group: row for row, group in enumerate(plantings.groups) if planted[group]}
        hovers = []
        for group in rows:
            before, new = reached[group], planted[group]
            did = f"seed: {new}"
            if step:
                did = f"step {step}: {before} + {new} = {before + new} channels"
            wide = f"<br>teacher: {teacher[group]} channels" if group in teacher else ""
            hovers.append(f"<b>{escape(group)}</b><br>{did}{wide}")
        pattern = PATTERNS[(step - 1) // PATTERN_STEPS % len(PATTERNS)] if step else "\\"
        bar = go.Bar(
            x=[plantings.scale(group) * planted[group] for group in rows],
            y=list(rows.values()),
            base=[plantings.scale(group) * reached[group] for group in rows],
            orientation="h",
            width=0.72,
            name=f"step {step}" if step else "seed",
            marker={
                "color": step_colour(step),
                "line": {"color": "white", "width": 1},
                "pattern": {"shape": pattern, "fgcolor": "white", "fgopacity": 0.35, "size": 7},
            },
            text=[f"{'+' if step else ''}{planted[group]}" for group in rows],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            hovertext=hovers,
            hoverinfo="text",
        )
        bars.append(bar)
        reached = {group: reached[group] + planted[group] for group in plantings.groups}
    rows = {group: row for row, group in enumerate(plantings.groups) if group in teacher}
    if rows:
        outlines = go.Bar(
            x=[plantings.scale(group) * teacher[group] for group in rows],
            y=list(rows.values()),
            orientation="h",
            width=0.84,
            name="teacher",
            marker={"color": "rgba(0,0,0,0)", "line": {"color": TEACHER_COLOUR, "width": 1.5}},
            hoverinfo="skip",
        )
        bars.append(outlines)
    return bars
