"""Plots of a study as plotly figures. Each is made in two steps: info (data), figure (drawing)."""

from math import log10
from pathlib import Path
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from plantnas.errors import StorageError
from plantnas.records.database import Database, NetworkRecord
from plantnas.report.front import lineage, pareto_front, validation_accuracy

# Okabe and Ito's colours, which colour-blind readers tell apart.
COLOURS = {
    "screened planting": "#999999",
    "grown planting": "#0072B2",
    "seed": "#009E73",
    "teacher": "#D55E00",
}
SYMBOLS = {
    "screened planting": "circle",
    "grown planting": "circle",
    "seed": "diamond",
    "teacher": "star",
}


class ParetoPoint(NamedTuple):
    """A network in the plane of accuracy against parameters."""

    series: str
    parameters: int
    accuracy: float
    hover: str


class ParetoInfo(NamedTuple):
    """What the Pareto plot shows.

    Attributes:
        study: Name of the study.
        split: Whose accuracy is shown.
        points: All networks that were evaluated on the split.
        family: The lineage of the most accurate planted network, from the seed on.
    """

    study: str
    split: str
    points: list[ParetoPoint]
    family: list[ParetoPoint]


def pareto_info(
    database: Database, study: str, split: Literal["validation", "test"] = "validation"
) -> ParetoInfo:
    """The data of the Pareto plot.

    Raises:
        StudyError: There is no such study.
    """
    # Baselines have a plot of their own, where they are beside the network of their size.
    networks = [each for each in database.networks(study) if each.kind in (None, "screen", "grow")]
    planted = [network for network in pareto_front(networks) if network.method == "planting"]
    family = lineage(networks, max(planted, key=validation_accuracy)) if planted else []
    return ParetoInfo(
        study=study,
        split=split,
        points=[_point(network, split) for network in networks if network.evaluation_on(split)],
        family=[_point(network, split) for network in family if network.evaluation_on(split)],
    )


def pareto_figure(info: ParetoInfo) -> go.Figure:
    """Accuracy against parameters: every trial faint, the family joined, seed and teacher."""
    figure = go.Figure()
    for series in COLOURS:
        points = [point for point in info.points if point.series == series]
        if points:
            figure.add_trace(_trace(series, points))
    figure.add_trace(
        go.Scatter(
            x=[point.parameters for point in info.family],
            y=[100 * point.accuracy for point in info.family],
            mode="lines",
            line={"color": COLOURS["grown planting"], "width": 2},
            name="planted family",
            hoverinfo="skip",
        )
    )
    figure.update_layout(
        title=f"{info.study}: accuracy against parameters",
        template="simple_white",
        legend={"orientation": "h", "y": -0.2},
        margin={"l": 70, "r": 30, "t": 60, "b": 60},
    )
    ticks = _round_numbers([point.parameters for point in info.points])
    figure.update_xaxes(
        title="parameters", type="log", showgrid=True, tickvals=ticks, tickformat="~s"
    )
    figure.update_yaxes(title=f"{info.split} accuracy (%)", showgrid=True)
    return figure


def pareto(
    storage: str, study: str, split: Literal["validation", "test"] = "validation"
) -> go.Figure:
    """The Pareto plot of a study.

    Args:
        storage: URL of the study's database.
        study: Name of the study.
        split: Whose accuracy to show.

    Raises:
        StudyError: There is no such study.
    """
    return pareto_figure(pareto_info(Database(storage), study, split))


def write_page(figure: go.Figure, path: Path) -> None:
    """Writes a figure as one interactive page that works offline.

    Raises:
        StorageError: The file cannot be written.
    """
    try:
        figure.write_html(path, include_plotlyjs=True, full_html=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}.") from error


def _round_numbers(values: list[int]) -> list[int]:
    """1, 2 and 5 times the powers of ten that the values reach."""
    if not values:
        return []
    exponents = range(int(log10(min(values))), int(log10(max(values))) + 1)
    return [digit * 10**exponent for exponent in exponents for digit in (1, 2, 5)]


def _trace(series: str, points: list[ParetoPoint]) -> go.Scatter:
    faint = series == "screened planting"
    return go.Scatter(
        x=[point.parameters for point in points],
        y=[100 * point.accuracy for point in points],
        mode="markers",
        name=series,
        marker={
            "color": COLOURS[series],
            "symbol": SYMBOLS[series],
            "size": 6 if faint else 11,
            "opacity": 0.4 if faint else 1.0,
        },
        hovertext=[point.hover for point in points],
        hoverinfo="text",
    )


def _point(network: NetworkRecord, split: Literal["validation", "test"]) -> ParetoPoint:
    evaluation = network.evaluation_on(split)
    assert evaluation is not None
    series = network.method
    if network.kind is not None:
        series = "grown planting" if network.kind == "grow" else "screened planting"
    return ParetoPoint(series, network.parameters, evaluation.accuracy, _hover(network))


def _hover(network: NetworkRecord) -> str:
    lines = [f"<b>network {network.id}</b>: {network.method}"]
    if network.step:
        lines.append(f"step {network.step}, trial {network.trial_number}, {network.kind}")
    lines.append(f"{network.parameters:,} parameters, {network.macs:,} MACs")
    lines += [
        f"{evaluation.split} accuracy {100 * evaluation.accuracy:.2f} %"
        for evaluation in network.evaluations
    ]
    widths = [
        f"{group} {width}" + (f" (+{network.planted[group]})" if group in network.planted else "")
        for group, width in network.widths.items()
    ]
    shown = widths if len(widths) <= 12 else [*widths[:12], f"and {len(widths) - 12} more"]
    return "<br>".join([*lines, *shown])
