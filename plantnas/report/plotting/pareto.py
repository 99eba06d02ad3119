"""Accuracy against a cost: every network, and what to choose from."""

from collections.abc import Mapping, Sequence
from html import escape
from math import isnan
from types import MappingProxyType
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from plantnas.channels.costs import LATENCY, shown_cost, title_of
from plantnas.config import Latency
from plantnas.errors import ConfigurationError
from plantnas.measured import ACCURACY, Metric
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import has_chosen_rate, rates_by_size
from plantnas.report.front import (
    FINISH,
    PLANTING,
    is_choosable,
    metric_of,
    pareto_front,
    winning_lineage,
)
from plantnas.report.plotting.styles import (
    PLANTING_COLOUR,
    SCREENED_COLOUR,
    in_legend_order,
    lay_out,
    log_axis,
    marker,
    say_empty,
)
from plantnas.report.study_data import StudyData

PlotSplit = Literal["validation", "test"]
MOST_WIDTHS = 12
"""Widths that are shown while the pointer is on a network; of more, the first ones are."""


class ParetoPoint(NamedTuple):
    """A network in the plane of accuracy against cost.

    Attributes:
        method: What made it.
        kind: As in its record.
        on_front: No choosable network is both cheaper and more accurate on validation.
        cost: By the cost that is shown.
        accuracy: 0 to 1.
        hover: What is shown while the pointer is on it.
    """

    method: str
    kind: str | None
    on_front: bool
    cost: float
    accuracy: float
    hover: str


class ParetoInfo(NamedTuple):
    """What the Pareto plot shows.

    Attributes:
        name: Name of the study.
        split: Whose accuracy is shown.
        title: What is on the other axis.
        points: All networks that were evaluated on the split, baselines at their chosen rates.
        family: The lineage of the most accurate planted network, from the seed on.
        metric: What the accuracies are.
    """

    name: str
    split: PlotSplit
    title: str
    points: list[ParetoPoint]
    family: list[ParetoPoint]
    metric: Metric = ACCURACY


def pareto_info(
    recorded: StudyData,
    split: PlotSplit = "validation",
    cost: str | None = None,
    latency: Mapping[str, object] = MappingProxyType({}),
) -> ParetoInfo:
    """The data of the Pareto plot; the front and the family are those of validation.

    Args:
        recorded: The study.
        split: Whose accuracy is shown.
        cost: Against which; None: that of the study. Latency that is not recorded is measured
            here, a fifth of a second for each network; screened plantings are not shown, then.
        latency: How it is measured, in place of the study's `search.latency`, by the keys of that;
            with any of them, what is recorded is not shown.

    Raises:
        ConfigurationError: The cost is of no network of the study, or cannot be measured so.
    """
    cost = cost or recorded.cost_name
    if latency and cost != LATENCY:
        raise ConfigurationError(
            f"{', '.join(latency)}: says how latency is measured, but the cost is {cost}."
        )
    is_measured = cost == LATENCY and (bool(latency) or recorded.cost_name != LATENCY)
    networks, rates = recorded.networks, rates_by_size(recorded.networks)
    left_out = ("trial", "screen") if is_measured else ("trial",)  # a baseline's trials
    shown = [
        record
        for record in networks
        if record.evaluation_on(split)
        and record.kind not in left_out
        and (record.baseline is None or is_choosable(record) or has_chosen_rate(record, rates))
    ]
    title = title_of(cost)
    if is_measured:
        from plantnas.report.latency import latencies  # torch, for this alone

        asked = recorded.study.configuration.get("search", {}).get("latency", {})
        settings = Latency(**{**asked, **latency})
        costs = latencies(recorded, shown, measuring=settings)
        title = _measured_title(settings)
    else:
        shown = _with_cost(recorded, shown, cost)
        costs = {record.id or 0: record.cost_in(cost) for record in shown}
    front = {record.id for record in pareto_front(networks)}
    points = {
        record.id: ParetoPoint(
            method=record.method,
            kind=record.kind,
            on_front=record.id in front,
            cost=costs[record.id or 0],
            accuracy=evaluation.accuracy,
            hover=network_hover(record),
        )
        for record in shown
        if (evaluation := record.evaluation_on(split))
    }
    line = [points[record.id] for record in winning_lineage(networks) if record.id in points]
    every, metric = list(points.values()), metric_of(networks)
    return ParetoInfo(recorded.name, split, title, every, line, metric)


def pareto_figure(pareto: ParetoInfo) -> go.Figure:
    """Every screened and dominated network faint, the family joined, each method its own marker."""
    figure, scale = go.Figure(), pareto.metric.scale
    screened = [point for point in pareto.points if point.kind == "screen"]
    others = [point for point in pareto.points if point.kind != "screen"]
    faint = {"color": SCREENED_COLOUR, "symbol": "circle", "size": 6, "opacity": 0.4}
    _add_markers(figure, "screened planting", screened, scale, faint)
    for method in in_legend_order([point.method for point in others]):
        theirs = [point for point in others if point.method == method]
        if method == PLANTING:
            best = [point for point in theirs if point.on_front]
            beaten = [point for point in theirs if not point.on_front]
            look = marker(method, 11)
            _add_markers(figure, "grown planting", best, scale, look)
            _add_markers(figure, "grown, dominated", beaten, scale, {**look, "opacity": 0.35})
        else:
            look = marker(method, 14 if method == "teacher" else 10)
            _add_markers(figure, escape(method), theirs, scale, look)
    if len(pareto.family) > 1:
        figure.add_scatter(
            x=[point.cost for point in pareto.family],
            y=[pareto.metric.scale * point.accuracy for point in pareto.family],
            mode="lines",
            line={"color": PLANTING_COLOUR, "width": 2},
            name="lineage of the best",
            hoverinfo="skip",
        )
    title = escape(pareto.title)
    lay_out(figure, f"{escape(pareto.name)}: {pareto.metric.words} against {title}", 560)
    figure.update_xaxes(title=title, **log_axis([point.cost for point in pareto.points]))
    figure.update_yaxes(title=f"{pareto.split} {pareto.metric.title}")
    if not pareto.points:
        say_empty(figure, f"no network has been evaluated on the {pareto.split} split yet")
    return figure


def _measured_title(measuring: Latency) -> str:
    """What was measured."""
    images = "an image" if measuring.batch_size == 1 else f"{measuring.batch_size} images"
    where = "one thread" if measuring.device == "cpu" else measuring.device
    by = "" if measuring.backend == "torch" else f", by {measuring.backend}"
    return f"milliseconds for {images}, {where} of this machine{by}"


def _with_cost(
    recorded: StudyData, networks: Sequence[NetworkRecord], cost: str
) -> list[NetworkRecord]:
    """Those of which a cost is recorded: all, or some of a study that is older than the cost."""
    known = [record for record in networks if not isnan(record.cost_in(cost))]
    if networks and not known:
        names = sorted({name for record in networks for name in record.costs})
        raise ConfigurationError(
            f"cost {cost!r}: study {recorded.name!r} has recorded it of no network. "
            f"It has {', '.join(['parameters', 'macs', *names])}."
        )
    return known


def _add_markers(
    figure: go.Figure,
    name: str,
    markers: Sequence[ParetoPoint],
    scale: int,
    look: dict[str, object],
) -> None:
    if markers:
        figure.add_scatter(
            x=[point.cost for point in markers],
            y=[scale * point.accuracy for point in markers],
            mode="markers",
            name=name,
            marker=look,
            hovertext=[point.hover for point in markers],
            hoverinfo="text",
        )


def network_hover(record: NetworkRecord) -> str:
    """A network in a few lines: number, origin, cost, accuracies, widths."""
    lines = [f"<b>network {record.id}</b>: {escape(record.method)}"]
    if record.step and record.trial_number is not None:
        lines.append(f"step {record.step}, trial {record.trial_number}, {record.kind}")
    if (run := record.baseline) is not None:
        lines.append(f"beside network {run.target_id}, learning rate {run.learning_rate:g}")
    if record.method == FINISH:
        lines.append(f"widths of network {record.parent_id}, trained whole")
    lines.append(f"{record.parameters:,} parameters, {record.macs:,} MACs")
    if record.cost_name not in ("parameters", "macs"):
        lines.append(f"{shown_cost(record.cost)} {escape(title_of(record.cost_name))}")
    lines += [
        f"{each.split} {each.metric.words} {each.metric.text(each.accuracy)}"
        for each in record.evaluations
    ]
    widths = [
        f"{escape(group)} {width}"
        + (f" (+{record.planted[group]})" if group in record.planted else "")
        for group, width in record.widths.items()
    ]
    lines += widths[:MOST_WIDTHS]
    if len(widths) > MOST_WIDTHS:
        lines.append(f"and {len(widths) - MOST_WIDTHS} more")
    return "<br>".join(lines)
