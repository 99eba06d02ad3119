"""What all of a study took, by step and phase, in seconds that were spent.

Repetitions of a baseline are all counted here, as they were all trained; what one network of each
size would cost a user is in costs.py.
"""

from collections import Counter
from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import NamedTuple

import plotly.graph_objects as go

from plantnas.grouping import grouped
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import has_chosen_rate, rates_by_size, weights_of
from plantnas.report.finished_trials import finished_trials
from plantnas.report.front import FINISH, PLANTING
from plantnas.report.plotting.styles import (
    duration,
    in_legend_order,
    lay_out,
    legend_at_bottom,
    say_empty,
    time_unit,
)
from plantnas.report.study_data import StudyData

MOST_NAMED_PHASES = 3
OTHER_PHASES = "other phases"
NO_NETWORK = "trials without a network"
PHASE_LOOKS = (("#0072B2", ""), ("#E69F00", "/"), ("#56B4E9", "."))
"""Colours and hatchings: the largest phase's, the second's, ..."""
OTHER_LOOK = ("#999999", "")
NO_NETWORK_LOOK = ("#D55E00", "x")
TUNING = "tuning, search"
LONGEST_LINE = 18
"""Characters of a line of a bar's name, for the sake of phones."""


class CostRow(NamedTuple):
    """A bar.

    Attributes:
        name: What took it: a part of the search, or a method.
        phases: Seconds by phase, those of ``CostInfo.phases``.
        networks: Networks, or trials without one, that took them.
        is_tuning: Whether it is what the method trained besides its networks at the chosen rate.
    """

    name: str
    phases: dict[str, float]
    networks: int
    is_tuning: bool = False

    @property
    def total(self) -> float:
        """Seconds of all phases."""
        return sum(self.phases.values())


class CostInfo(NamedTuple):
    """What the plot of costs shows.

    Attributes:
        name: Name of the study.
        rows: Teacher, seed, each step's screening and growing, trials without a network, what was
            finished, and each method's networks at its chosen rate and all others; only what took
            time.
        phases: The largest ones by name, largest first, then the others together, if there are.
    """

    name: str
    rows: list[CostRow]
    phases: list[str]

    @property
    def total(self) -> float:
        """Seconds of the whole study."""
        return sum(row.total for row in self.rows)


def cost_info(recorded: StudyData) -> CostInfo:
    """The data of the plot."""
    rows = [row for row in _rows(recorded) if row.total > 0]
    seconds = Counter[str]()
    for row in rows:
        seconds.update(row.phases)
    named = [phase for phase, _ in seconds.most_common() if phase != NO_NETWORK]
    del named[MOST_NAMED_PHASES:]
    for position, row in enumerate(rows):
        merged = grouped(
            (phase if phase in (*named, NO_NETWORK) else OTHER_PHASES, taken)
            for phase, taken in row.phases.items()
        )
        rows[position] = row._replace(phases={phase: sum(each) for phase, each in merged.items()})
    found = {phase for row in rows for phase in row.phases}
    phases = [phase for phase in (*named, OTHER_PHASES, NO_NETWORK) if phase in found]
    return CostInfo(recorded.name, rows, phases)


def cost_figure(costs: CostInfo) -> go.Figure:
    """A horizontal bar for each part, in the order of the study, with its total at the end."""
    figure, rows = go.Figure(), costs.rows
    positions = list(range(len(rows)))  # names would not do: a method's two bars have one
    longest = max((row.total for row in rows), default=0.0)
    unit = time_unit(longest)
    looks = dict(zip(costs.phases, PHASE_LOOKS, strict=False))
    looks |= {OTHER_PHASES: OTHER_LOOK, NO_NETWORK: NO_NETWORK_LOOK}
    for phase in costs.phases:
        colour, hatching = looks[phase]
        figure.add_bar(
            x=[row.phases.get(phase, 0.0) / unit.seconds for row in rows],
            y=positions,
            orientation="h",
            name=escape(phase),
            marker={"color": colour, "pattern": {"shape": hatching, "fgcolor": "white", "size": 6}},
            hovertext=[_hover(row, phase, costs.total) for row in rows],
            hoverinfo="text",
        )
    if rows:
        figure.add_scatter(
            x=[row.total / unit.seconds for row in rows],
            y=positions,
            mode="text",
            cliponaxis=False,
            text=[f" {duration(row.total)}" for row in rows],
            textposition="middle right",
            showlegend=False,
            hoverinfo="skip",
            name="total",
        )
    names = [
        f"+ {TUNING}" if row.is_tuning else "<br>".join(map(escape, wrap(row.name, LONGEST_LINE)))
        for row in rows
    ]
    height = 36 if any("<br>" in name for name in names) else 26
    title = f"{escape(costs.name)}: {duration(costs.total)} of training"
    lay_out(figure, title, 200 + height * max(len(rows), 4))
    legend_at_bottom(figure).update_layout(barmode="stack", bargap=0.25, hovermode="closest")
    ends = [max(len(rows), 1) - 0.4, -0.6]
    figure.update_yaxes(range=ends, showgrid=False, tickvals=positions, ticktext=names, ticks="")
    reach = [0, 1.35 * longest / unit.seconds or 1]  # room for the totals
    figure.update_xaxes(title=f"{unit.name}, all workers together", range=reach)
    return figure if rows else say_empty(figure, "nothing has been trained yet")


def _rows(recorded: StudyData) -> list[CostRow]:
    """The rows of teacher, seed, steps, trials without a network, finished, and methods, in order.

    The networks of a plain search are some of its trials, which count once: as networks.
    """
    networks, finished = recorded.networks, finished_trials(recorded)
    rows = [
        _row(method, [record for record in networks if record.method == method])
        for method in ("teacher", "seed")
    ]
    planted = [record for record in networks if record.method == PLANTING]
    for step in sorted({record.step or 0 for record in planted}):
        for kind, word in (("screen", "screening"), ("grow", "growing")):
            theirs = [each for each in planted if (each.step, each.kind) == (step, kind)]
            rows.append(_row(f"step {step} {word}", theirs))
    without = [trial for trial in finished if trial.network is None]
    names = {"complete": "probes", "failed": "failed trials", "refused": "refused trials"}
    for outcome, name in names.items():
        trials = [trial for trial in without if trial.outcome == outcome]
        seconds = {NO_NETWORK: sum(trial.seconds for trial in trials)}
        rows.append(CostRow(name, seconds, len(trials)))
    uncompared = [each for each in networks if each.kind == FINISH and each.baseline is None]
    rows.append(_row("finished", uncompared))
    rates = rates_by_size(networks)
    for method in in_legend_order(list(dict.fromkeys(method for method, _ in rates))):
        theirs = [record for record in networks if record.method == method]
        chosen = [record for record in theirs if has_chosen_rate(record, rates)]
        kept = {weights_of(record) for record in chosen}
        rest = [record for record in theirs if weights_of(record) not in kept]
        rows.append(_row(method, _once(chosen)))
        rows.append(_row(method, _once(rest))._replace(is_tuning=True))
    return rows


def _row(name: str, networks: Sequence[NetworkRecord]) -> CostRow:
    phases = Counter[str]()
    for record in networks:
        phases.update(record.seconds)
    return CostRow(name, dict(phases), len(networks))


def _once(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    return list({weights_of(record): record for record in networks}.values())


def _hover(cost_row: CostRow, phase: str, whole: float) -> str:
    """What is said of a phase of a row, which is never empty, so that the whole is not 0."""
    seconds = cost_row.phases.get(phase, 0.0)
    name = f"{cost_row.name}: {TUNING}" if cost_row.is_tuning else cost_row.name
    what = "trials" if phase == NO_NETWORK else "networks"
    lines = [
        f"<b>{escape(name)}</b>, {cost_row.networks} {what}",
        f"{escape(phase)} {duration(seconds)}, {100 * seconds / cost_row.total:.1f} % of this bar",
        f"bar {duration(cost_row.total)}, {100 * cost_row.total / whole:.1f} % of the study",
    ]
    return "<br>".join(lines)
