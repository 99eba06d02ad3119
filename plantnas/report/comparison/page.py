"""Plots of a comparison, and the page that holds them. Each is made in two steps: info, figure.

The words and the rows of the tables are in verdict.py.
"""

from collections.abc import Iterable, Sequence
from html import escape
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import plotly.graph_objects as go

from plantnas.files import write_file
from plantnas.report.comparison.comparison import Comparison
from plantnas.report.comparison.statistics import Spread, spread
from plantnas.report.comparison.verdict import (
    NOTES,
    TEXT_COLUMNS,
    accuracy_spread,
    comparison_tables,
    sentences,
    shown_spread,
)
from plantnas.report.entries import Entry
from plantnas.report.front import PLANTING
from plantnas.report.plotting.styles import TEACHER_COLOUR, in_legend_order, lay_out, marker

PLANTING_ALONE = "planting, lineage alone"
"""The name of planting's point without the cost of its search."""
SPREAD_OF_METHODS = 1.4
"""Networks of one size are drawn side by side, within this ratio of parameters: sizes are farther
apart."""


class MethodPoint(NamedTuple):
    """The networks of a method at one step, of all studies and repetitions."""

    method: str
    step: int | None
    parameters: float
    accuracy: Spread
    networks: int


class ComparisonParetoInfo(NamedTuple):
    """What the plot of accuracy against parameters shows.

    Attributes:
        methods: All that are compared, planting first: a method looks the same in both plots.
        points: A point for each method and step that was tested, the smallest step first.
        teacher_parameters: Mean over studies.
        teacher_accuracy: Over studies; its mean is NaN if no teacher was tested.
    """

    methods: list[str]
    points: list[MethodPoint]
    teacher_parameters: float
    teacher_accuracy: Spread


class HypervolumePoint(NamedTuple):
    """A method's front and its cost, over studies.

    Attributes:
        method: Whose.
        name: With what is counted.
        seconds: Of one network of each size.
        hypervolume: Of test accuracy against log parameters.
    """

    method: str
    name: str
    seconds: Spread
    hypervolume: Spread


class HypervolumeInfo(NamedTuple):
    """What the plot of hypervolume against cost shows: the methods as above, and their points."""

    methods: list[str]
    points: list[HypervolumePoint]


def comparison_pareto_info(comparison: Comparison) -> ComparisonParetoInfo:
    """The data of the plot of accuracy against parameters."""
    groups: dict[tuple[int, str], list[Entry]] = {}
    for entry in comparison.entries:
        if entry.test_accuracy is not None:
            groups.setdefault((entry.step or 0, entry.method), []).append(entry)
    teachers = comparison.references
    return ComparisonParetoInfo(
        methods=_methods(comparison),
        points=[_method_point(groups[key]) for key in sorted(groups)],
        teacher_parameters=fmean(teacher.parameters for teacher in teachers),
        teacher_accuracy=spread(
            [each.test_accuracy for each in teachers if each.test_accuracy is not None]
        ),
    )


def comparison_pareto_figure(info: ComparisonParetoInfo) -> go.Figure:
    """Accuracy against parameters: a marker a method and size, planting joined, the teacher."""
    figure = go.Figure()
    for place, method in enumerate(info.methods):
        points = [point for point in info.points if point.method == method]
        if points:
            shift = _shift(place, len(info.methods))
            figure.add_trace(_pareto_trace(points, _marker(method), shift))
    if not isnan(info.teacher_accuracy.mean):
        _add_teacher(figure, info)
    lay_out(figure, "Test accuracy against parameters (methods of one size side by side)")
    figure.update_xaxes(title="parameters", type="log", dtick="D2", tickformat="~s")
    figure.update_yaxes(title="test accuracy (%)")
    return figure


def hypervolume_info(comparison: Comparison) -> HypervolumeInfo:
    """The data of the plot of hypervolume against cost; planting alone, and with its search."""
    methods, points = _methods(comparison), list[HypervolumePoint]()
    costs = {(cost.study, cost.method): cost for cost in comparison.costs}
    for method in methods:
        areas = [area for area in comparison.areas if area.method == method]
        if not areas:
            continue
        volumes = spread([area.hypervolume for area in areas])
        theirs = [costs[area.study, method] for area in areas]
        whole = spread([cost.total for cost in theirs])
        name = "planting, whole search" if method == PLANTING else method
        points.append(HypervolumePoint(method, name, whole, volumes))
        if method == PLANTING:
            alone = spread([cost.alone for cost in theirs])
            points.append(HypervolumePoint(method, PLANTING_ALONE, alone, volumes))
    return HypervolumeInfo(methods, points)


def hypervolume_figure(info: HypervolumeInfo) -> go.Figure:
    """Hypervolume against seconds: up and left is better."""
    figure = go.Figure()
    for point in info.points:
        figure.add_trace(_hypervolume_trace(point, _marker(point.method)))
    lay_out(figure, "Hypervolume against seconds for one network of each size")
    figure.update_xaxes(title="seconds with teacher, tuning and search", type="log", nticks=10)
    figure.update_yaxes(title="hypervolume<br>(test accuracy x log parameters)")
    return figure


def write_comparison_page(comparison: Comparison, path: Path) -> None:
    """Writes plots, sentences and tables as one page that works offline.

    Raises:
        StorageError: The file cannot be written.
    """
    write_file(path, comparison_page(comparison).encode())


def comparison_page(comparison: Comparison) -> str:
    """The page as HTML; plotly's script is in it once."""
    studies = ", ".join(dict.fromkeys(entry.study for entry in comparison.entries))
    pareto = comparison_pareto_figure(comparison_pareto_info(comparison))
    volumes = hypervolume_figure(hypervolume_info(comparison))
    body = (
        f"<h1>Planting against baselines</h1><p>Studies: {escape(studies)}</p>",
        pareto.to_html(full_html=False, include_plotlyjs=True, div_id="pareto"),
        volumes.to_html(full_html=False, include_plotlyjs=False, div_id="hypervolume"),
        _list_html(sentences(comparison)),
        *(_table_html(*table) for table in comparison_tables(comparison)),
        *(f"<p>{escape(note)}</p>" for note in NOTES),
    )
    return PAGE.format(title=f"{escape(studies)}: comparison", body="\n".join(body))


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; max-width: 1150px; margin: 2em auto; padding: 0 1em; }}
table {{ border-collapse: collapse; margin: 2em 0; font-size: 90%; }}
caption {{ text-align: left; font-weight: bold; padding: 0.4em 0; }}
th, td {{ padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #ddd; }}
.text {{ text-align: left; }}
.planting {{ font-weight: bold; color: #0072B2; }}
li {{ margin: 0.25em 0; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _method_point(entries: Sequence[Entry]) -> MethodPoint:
    return MethodPoint(
        method=entries[0].method,
        step=entries[0].step,
        parameters=fmean(entry.parameters for entry in entries),
        accuracy=accuracy_spread(entries),
        networks=len(entries),
    )


def _methods(comparison: Comparison) -> list[str]:
    """In the order of the legend."""
    return in_legend_order([entry.method for entry in comparison.entries])


def _shift(place: int, count: int) -> float:
    """By what a method's parameters are multiplied to be drawn beside others: planting's are not.

    The others stand to its left and right in turn, with a gap of one place around it.
    """
    side = (place + 3) // 2 * (-1 if place % 2 else 1) if place else 0
    return float(SPREAD_OF_METHODS ** (side / (count + 2)))


def _marker(method: str) -> dict[str, object]:
    return marker(method, 12 if method == PLANTING else 9)


def _bars(deviations: Sequence[float], colour: object) -> dict[str, object]:
    return {"array": list(deviations), "color": colour, "thickness": 1, "width": 3}


def _pareto_trace(
    points: Sequence[MethodPoint], marker: dict[str, object], shift: float
) -> go.Scatter:
    method = points[0].method
    return go.Scatter(
        x=[shift * point.parameters for point in points],
        y=[100 * point.accuracy.mean for point in points],
        error_y=_bars([100 * point.accuracy.deviation for point in points], marker["color"]),
        mode="lines+markers" if method == PLANTING else "markers",
        name=method,
        marker=marker,
        hovertext=[_hover(point) for point in points],
        hoverinfo="text",
    )


def _hypervolume_trace(point: HypervolumePoint, marker: dict[str, object]) -> go.Scatter:
    return go.Scatter(
        x=[point.seconds.mean],
        y=[point.hypervolume.mean],
        error_x=_bars([point.seconds.deviation], marker["color"]),
        error_y=_bars([point.hypervolume.deviation], marker["color"]),
        mode="markers",
        name=point.name,
        marker={**marker, "symbol": "circle-open"} if point.name == PLANTING_ALONE else marker,
        hovertemplate="%{x:,.1f} s, hypervolume %{y:.4f}",
    )


def _add_teacher(figure: go.Figure, info: ComparisonParetoInfo) -> None:
    """A star where it is, and a line at its accuracy."""
    accuracy = 100 * info.teacher_accuracy.mean
    figure.add_trace(
        go.Scatter(
            x=[info.teacher_parameters],
            y=[accuracy],
            mode="markers",
            name="teacher",
            marker=marker("teacher", 14),
            hovertext=[f"teacher<br>test accuracy {shown_spread(info.teacher_accuracy)} %"],
            hoverinfo="text",
        )
    )
    line = {"color": TEACHER_COLOUR, "dash": "dot", "width": 1.5}
    figure.add_hline(y=accuracy, line=line, opacity=1, layer="below")


def _hover(point: MethodPoint) -> str:
    lines = (
        f"<b>{escape(point.method)}</b>, step {point.step}",
        f"{point.parameters:,.0f} parameters",
        f"test accuracy {shown_spread(point.accuracy)} % ({point.networks} networks)",
    )
    return "<br>".join(lines)


def _list_html(lines: Iterable[str]) -> str:
    return "<ul>" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table_html(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def cells(tag: str, texts: Sequence[str]) -> str:
        kinds = (' class="text"' if column in TEXT_COLUMNS else "" for column in columns)
        filled = zip(kinds, texts, strict=True)
        return "".join(f"<{tag}{kind}>{escape(text)}</{tag}>" for kind, text in filled)

    lines = [f"<caption>{escape(title)}</caption>", f"<tr>{cells('th', columns)}</tr>"]
    for row in rows:
        kind = ' class="planting"' if PLANTING in row else ""
        lines.append(f"<tr{kind}>{cells('td', row)}</tr>")
    return "<table>" + "\n".join(lines) + "</table>"
