"""Accuracy against parameters, MACs or latency: every network, and what to choose from."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from plantnas.records.record import NetworkRecord
from plantnas.report.entries import chosen_rates, has_chosen_rate
from plantnas.report.front import (
    PLANTING,
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
Cost = Literal["parameters", "macs", "latency"]
COST_TITLES: dict[Cost, str] = {
    "parameters": "parameters",
    "macs": "MACs for an image",
    "latency": "milliseconds for an image, one thread of this machine",
}
MOST_WIDTHS = 12
"""Widths that are shown while the pointer is on a network; of more, the first ones are."""


class ParetoPoint(NamedTuple):
    """A network in the plane of accuracy against cost.

    Attributes:
        method: What made it.
        kind: As in its record.
        on_front: No choosable network is both cheaper and more accurate on validation.
        cost: Parameters, MACs or milliseconds.
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
        study: Name of the study.
        split: Whose accuracy is shown.
        cost: What is on the other axis.
        points: All networks that were evaluated on the split, baselines at their chosen rates.
        family: The lineage of the most accurate planted network, from the seed on.
    """

    study: str
    split: PlotSplit
    cost: Cost
    points: list[ParetoPoint]
    family: list[ParetoPoint]


def pareto_info(
    data: StudyData, split: PlotSplit = "validation", cost: Cost = "parameters"
) -> ParetoInfo:
    """The data of the Pareto plot; the front and the family are those of validation.

    Latency is measured here, a fifth of a second for each network that is shown; screened plantings
    are not, then.
    """
    on_front = {network.id for network in pareto_front(data.networks)}
    shown = [each for each in _shown(data.networks, cost) if each.evaluation_on(split)]
    costs = _costs(data, shown, cost)

    def points(networks: Iterable[NetworkRecord]) -> list[ParetoPoint]:
        return [
            ParetoPoint(
                method=network.method,
                kind=network.kind,
                on_front=network.id in on_front,
                cost=costs[network.id or 0],
                accuracy=evaluation.accuracy,
                hover=network_hover(network),
            )
            for network in networks
            if (evaluation := network.evaluation_on(split))
        ]

    family = points(winning_lineage(data.networks))
    return ParetoInfo(data.name, split, cost, points(shown), family)


def pareto_figure(info: ParetoInfo) -> go.Figure:
    """Every screened and dominated network faint, the family joined, each method its own marker."""
    figure = go.Figure()
    screened = [point for point in info.points if point.kind == "screen"]
    if screened:
        faint = {"color": SCREENED_COLOUR, "symbol": "circle", "size": 6, "opacity": 0.4}
        figure.add_trace(_trace("screened planting", screened, faint))
    others = [point for point in info.points if point.kind != "screen"]
    for method in in_legend_order([point.method for point in others]):
        theirs = [point for point in others if point.method == method]
        figure.add_traces(_traces(method, theirs))
    if len(info.family) > 1:
        figure.add_trace(_family_line(info.family))
    lay_out(figure, f"{escape(info.study)}: accuracy against {COST_TITLES[info.cost]}", 560)
    axis = log_axis([point.cost for point in info.points])
    figure.update_xaxes(title=COST_TITLES[info.cost], **axis)
    figure.update_yaxes(title=f"{info.split} accuracy (%)")
    if not info.points:
        say_empty(figure, f"no network has been evaluated on the {info.split} split yet")
    return figure


def _shown(networks: Sequence[NetworkRecord], cost: Cost) -> list[NetworkRecord]:
    """All but the baselines at rates that were not chosen, and what a search of theirs tried."""
    rates = chosen_rates(networks)
    left_out = ("trial", "screen") if cost == "latency" else ("trial",)
    return [
        network
        for network in networks
        if network.kind not in left_out
        and (network.baseline is None or has_chosen_rate(network, rates))
    ]


def _costs(data: StudyData, networks: Sequence[NetworkRecord], cost: Cost) -> Mapping[int, float]:
    """By network id."""
    if cost == "latency":
        from plantnas.report.latency import latencies  # torch, for this alone

        return latencies(data, networks)
    sizes = {each.id or 0: (each.parameters, each.macs) for each in networks}
    return {number: size[cost == "macs"] for number, size in sizes.items()}


def _traces(method: str, points: Sequence[ParetoPoint]) -> list[go.Scatter]:
    """A method's; grown networks that others beat are fainter."""
    if method != PLANTING:
        look = marker(method, 14 if method == "teacher" else 10)
        return [_trace(escape(method), points, look)]
    beaten = [point for point in points if not point.on_front]
    best = [point for point in points if point.on_front]
    faint = {**marker(method, 11), "opacity": 0.35}
    named = (("grown planting", best, marker(method, 11)), ("grown, dominated", beaten, faint))
    return [_trace(name, theirs, look) for name, theirs, look in named if theirs]


def _trace(name: str, points: Sequence[ParetoPoint], look: dict[str, object]) -> go.Scatter:
    return go.Scatter(
        x=[point.cost for point in points],
        y=[100 * point.accuracy for point in points],
        mode="markers",
        name=name,
        marker=look,
        hovertext=[point.hover for point in points],
        hoverinfo="text",
    )


def _family_line(family: Sequence[ParetoPoint]) -> go.Scatter:
    return go.Scatter(
        x=[point.cost for point in family],
        y=[100 * point.accuracy for point in family],
        mode="lines",
        line={"color": PLANTING_COLOUR, "width": 2},
        name="lineage of the best",
        hoverinfo="skip",
    )


def network_hover(network: NetworkRecord) -> str:
    """A network in a few lines: number, origin, cost, accuracies, widths."""
    lines = [f"<b>network {network.id}</b>: {escape(network.method)}"]
    if network.step and network.trial_number is not None:
        lines.append(f"step {network.step}, trial {network.trial_number}, {network.kind}")
    if (run := network.baseline) is not None:
        lines.append(f"beside network {run.target_id}, learning rate {run.learning_rate:g}")
    lines.append(f"{network.parameters:,} parameters, {network.macs:,} MACs")
    lines += [
        f"{evaluation.split} accuracy {100 * evaluation.accuracy:.2f} %"
        for evaluation in network.evaluations
    ]
    widths = [
        f"{escape(group)} {width}"
        + (f" (+{network.planted[group]})" if group in network.planted else "")
        for group, width in network.widths.items()
    ]
    more = len(widths) - MOST_WIDTHS
    return "<br>".join([*lines, *widths[:MOST_WIDTHS], *([f"and {more} more"] if more > 0 else [])])
