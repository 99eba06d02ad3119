"""What all of a study took, by step and phase, in seconds that were spent.

Repetitions of a baseline are all counted here, as they were all trained; what one network of each
size would cost a user is in costs.py.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from textwrap import wrap
from typing import NamedTuple

import plotly.graph_objects as go

from plantnas.records.record import NetworkRecord
from plantnas.report.entries import chosen_rates, has_chosen_rate, weights_of
from plantnas.report.finished_trials import FinishedTrial, finished_trials
from plantnas.report.front import PLANTING
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
"""Colour and hatching of the largest phase, of the second, ..."""
OTHER_LOOK = ("#999999", "")
NO_NETWORK_LOOK = ("#D55E00", "x")
TUNING = "tuning, search"
LONGEST_LINE = 18
"""Characters of a line of a bar's name, for the sake of phones."""


class CostRow(NamedTuple):
    """A bar.

    Attributes:
        name: What took it: a part of the search, or a method.
        is_tuning: Whether it is what the method trained besides its networks at the chosen rate.
        phases: Seconds by phase, those of ``CostInfo.phases``.
        networks: Networks, or trials without one, that took them.
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
        study: Name of the study.
        rows: Teacher, seed, each step's screening and growing, trials without a network, and each
            method's networks at its chosen rate and all others; only what took time.
        phases: The largest ones by name, largest first, then the others together, if there are.
    """

    study: str
    rows: list[CostRow]
    phases: list[str]

    @property
    def total(self) -> float:
        """Seconds of the whole study."""
        return sum(row.total for row in self.rows)


def cost_info(data: StudyData) -> CostInfo:
    """The data of the plot."""
    rows = [row for row in (*_search_rows(data), *_baseline_rows(data.networks)) if row.total > 0]
    seconds = Counter[str]()
    for row in rows:
        seconds.update(row.phases)
    named = [phase for phase, _ in seconds.most_common() if phase != NO_NETWORK]
    del named[MOST_NAMED_PHASES:]
    rows = [row._replace(phases=_merged(row.phases, named)) for row in rows]
    found = {phase for row in rows for phase in row.phases}
    phases = [phase for phase in (*named, OTHER_PHASES, NO_NETWORK) if phase in found]
    return CostInfo(data.name, rows, phases)


def cost_figure(info: CostInfo) -> go.Figure:
    """A horizontal bar for each part, in the order of the study, with its total at the end."""
    figure = go.Figure()
    longest = max((row.total for row in info.rows), default=0.0)
    unit = time_unit(longest)
    for phase in info.phases:
        figure.add_trace(_bars(info, phase, unit.seconds))
    if info.rows:
        figure.add_trace(_totals(info.rows, unit.seconds))
    _lay_out_rows(figure, info)
    reach = [0, 1.35 * longest / unit.seconds or 1]  # room for the totals
    figure.update_xaxes(title=f"{unit.name}, all workers together", range=reach)
    if not info.rows:
        say_empty(figure, "nothing has been trained yet")
    return figure


def _search_rows(data: StudyData) -> list[CostRow]:
    """Of the teacher, the seed, the steps, and the trials that left nothing."""
    planted = [network for network in data.networks if network.method == PLANTING]
    prepared = [
        _row(name, [network for network in data.networks if network.method == name])
        for name in ("teacher", "seed")
    ]
    steps = [
        _row(f"step {step} {word}", [each for each in planted if (each.step, each.kind) == which])
        for step in sorted({network.step or 0 for network in planted})
        for word, which in (("screening", (step, "screen")), ("growing", (step, "grow")))
    ]
    finished = finished_trials(data)
    nothing = [_trials_row(finished, outcome) for outcome in ("failed", "refused")]
    return [*prepared, *steps, *nothing]


def _baseline_rows(networks: Sequence[NetworkRecord]) -> list[CostRow]:
    """Two a method: its networks at the chosen rate, and what else it trained to get there.

    The networks of a plain search are some of its trials, which count once: as networks.
    """
    rates, rows = chosen_rates(networks), list[CostRow]()
    for method in in_legend_order(list(rates)):
        theirs = [network for network in networks if network.method == method]
        chosen = [each for each in theirs if has_chosen_rate(each, rates)]
        kept = {weights_of(network) for network in chosen}
        rest = [network for network in theirs if weights_of(network) not in kept]
        rows.append(_row(method, _once(chosen)))
        rows.append(_row(method, _once(rest))._replace(is_tuning=True))
    return rows


def _row(name: str, networks: Sequence[NetworkRecord]) -> CostRow:
    phases = Counter[str]()
    for network in networks:
        phases.update(network.seconds)
    return CostRow(name, dict(phases), len(networks))


def _trials_row(finished: Sequence[FinishedTrial], outcome: str) -> CostRow:
    trials = [trial for trial in finished if trial.outcome == outcome]
    seconds = sum(trial.seconds for trial in trials)
    return CostRow(f"{outcome} trials", {NO_NETWORK: seconds}, len(trials))


def _once(networks: Iterable[NetworkRecord]) -> list[NetworkRecord]:
    return list({weights_of(network): network for network in networks}.values())


def _merged(phases: dict[str, float], named: Sequence[str]) -> dict[str, float]:
    merged = dict[str, float]()
    for phase, seconds in phases.items():
        name = phase if phase in (*named, NO_NETWORK) else OTHER_PHASES
        merged[name] = merged.get(name, 0.0) + seconds
    return merged


def _bars(info: CostInfo, phase: str, unit_seconds: float) -> go.Bar:
    colour, hatching = _look(info, phase)
    return go.Bar(
        x=[row.phases.get(phase, 0.0) / unit_seconds for row in info.rows],
        y=list(range(len(info.rows))),
        orientation="h",
        name=escape(phase),
        marker={"color": colour, "pattern": {"shape": hatching, "fgcolor": "white", "size": 6}},
        hovertext=[_hover(row, phase, info.total) for row in info.rows],
        hoverinfo="text",
    )


def _look(info: CostInfo, phase: str) -> tuple[str, str]:
    special = {OTHER_PHASES: OTHER_LOOK, NO_NETWORK: NO_NETWORK_LOOK}
    return special.get(phase) or PHASE_LOOKS[info.phases.index(phase)]


def _hover(row: CostRow, phase: str, whole: float) -> str:
    """A row is never empty, so the whole is not 0."""
    seconds = row.phases.get(phase, 0.0)
    what = "trials" if phase == NO_NETWORK else "networks"
    lines = [
        f"<b>{escape(row.name)}{': ' + TUNING if row.is_tuning else ''}</b>, {row.networks} {what}",
        f"{escape(phase)} {duration(seconds)}, {100 * seconds / row.total:.1f} % of this bar",
        f"bar {duration(row.total)}, {100 * row.total / whole:.1f} % of the study",
    ]
    return "<br>".join(lines)


def _totals(rows: Sequence[CostRow], unit_seconds: float) -> go.Scatter:
    return go.Scatter(
        x=[row.total / unit_seconds for row in rows],
        y=list(range(len(rows))),
        mode="text",
        cliponaxis=False,
        text=[f" {duration(row.total)}" for row in rows],
        textposition="middle right",
        showlegend=False,
        hoverinfo="skip",
        name="total",
    )


def _lay_out_rows(figure: go.Figure, info: CostInfo) -> None:
    """By number, as a method's two bars have one name."""
    names, count = [_label(row) for row in info.rows], len(info.rows)
    height = 36 if any("<br>" in name for name in names) else 26
    title = f"{escape(info.study)}: {duration(info.total)} of training"
    lay_out(figure, title, 200 + height * max(count, 4))
    legend_at_bottom(figure).update_layout(barmode="stack", bargap=0.25, hovermode="closest")
    ticks = {"tickvals": list(range(count)), "ticktext": names, "ticks": ""}
    figure.update_yaxes(range=[max(count, 1) - 0.4, -0.6], showgrid=False, **ticks)


def _label(row: CostRow) -> str:
    return (
        f"+ {TUNING}" if row.is_tuning else "<br>".join(map(escape, wrap(row.name, LONGEST_LINE)))
    )
