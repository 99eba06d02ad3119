"""Plots of a comparison, and the page that holds them. Each is made in two steps: info, figure.

The words and the rows of the tables are in verdict.py, the look is that of a study's report.
"""

from collections.abc import Sequence
from html import escape
from math import isnan
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from plantnas.channels.costs import shown_cost, title_of
from plantnas.files import write_file
from plantnas.grouping import grouped
from plantnas.measured import ACCURACY, Metric
from plantnas.report.comparison.comparison import Comparison
from plantnas.report.comparison.statistics import Spread, spread
from plantnas.report.comparison.verdict import (
    TEXT_COLUMNS,
    accuracy_spread,
    shown_spread,
    verdict,
)
from plantnas.report.front import PLANTING
from plantnas.report.page.rendering import DrawnPlot, rendered
from plantnas.report.plotting.styles import TEACHER_COLOUR, in_legend_order, lay_out, marker

PARETO = DrawnPlot(
    "pareto",
    "Test accuracy against parameters",
    "Up and to the left is better: accurate and small. Methods of one size are drawn side by side, "
    "with planting where it is; bars are standard deviations over studies and repetitions.",
)
PARETO_OF_MACS = DrawnPlot(
    "pareto-macs",
    "Test accuracy against MACs for an image",
    "The same networks by what an image costs. Networks of equal parameters may have more channels "
    "in their early layers, which run at more places.",
)
HYPERVOLUME = DrawnPlot(
    "hypervolume",
    "Hypervolume against seconds for one network of each size",
    "Up and to the left is better: accurate networks of all sizes, made in little time, with that "
    "of the teacher, tuning and search. Planting stands there twice, with its whole search and "
    "with the networks' lineage alone.",
)
ComparedCost = Literal["parameters", "macs", "cost"]
"""The attribute of what is compared."""
PLANTING_ALONE = "planting, lineage alone"
"""The name of planting's point without the cost of its search."""
SPREAD_OF_METHODS = 1.4
"""Networks of one size are drawn side by side, within this ratio of parameters: sizes are farther
apart."""


class MethodPoint(NamedTuple):
    """The networks of a method at one step, of all studies and repetitions."""

    method: str
    step: int | None
    cost: float
    accuracy: Spread
    networks: int


class ComparisonParetoInfo(NamedTuple):
    """What a plot of accuracy against cost shows.

    Attributes:
        title: What its costs are.
        methods: All that are compared, planting first: a method looks the same in all plots.
        points: A point for each method and step that was tested, the smallest step first.
        teacher_cost: Mean over studies.
        teacher_accuracy: Over studies; its mean is NaN if no teacher was tested.
        metric: What the accuracies are.
    """

    title: str
    methods: list[str]
    points: list[MethodPoint]
    teacher_cost: float
    teacher_accuracy: Spread
    metric: Metric = ACCURACY


class HypervolumePoint(NamedTuple):
    """A method's front and its cost, over studies.

    Attributes:
        method: Whose.
        name: With what is counted.
        seconds: Of one network of each size.
        hypervolume: Of test accuracy against the logarithm of the cost.
    """

    method: str
    name: str
    seconds: Spread
    hypervolume: Spread


class HypervolumeInfo(NamedTuple):
    """What the plot of hypervolume against seconds shows: the methods as above, and their points.

    The title says what the costs are.
    """

    methods: list[str]
    points: list[HypervolumePoint]
    title: str
    metric: Metric = ACCURACY


def comparison_pareto_info(
    comparison: Comparison, horizontal: ComparedCost = "cost"
) -> ComparisonParetoInfo:
    """The data of the plot of accuracy against a cost, by default what it is traded for."""
    groups = grouped(
        ((entry.step or 0, entry.method), entry)
        for entry in comparison.entries
        if entry.test_accuracy is not None
    )
    teachers = comparison.references
    return ComparisonParetoInfo(
        title=title_of(comparison.cost_name if horizontal == "cost" else horizontal),
        methods=_methods(comparison),
        points=[
            MethodPoint(
                method=method,
                step=theirs[0].step,
                cost=fmean(getattr(entry, horizontal) for entry in theirs),
                accuracy=accuracy_spread(theirs),
                networks=len(theirs),
            )
            for (_, method), theirs in sorted(groups.items(), key=itemgetter(0))
        ],
        teacher_cost=fmean(getattr(teacher, horizontal) for teacher in teachers),
        teacher_accuracy=spread(
            [each.test_accuracy for each in teachers if each.test_accuracy is not None]
        ),
        metric=comparison.metric,
    )


def comparison_pareto_figure(info: ComparisonParetoInfo) -> go.Figure:
    """Accuracy against cost: a marker a method and size, planting joined, the teacher."""
    figure, title, metric = go.Figure(), escape(info.title), info.metric
    scale, words, unit = metric.scale, metric.words, " %" if metric.scale == 100 else ""
    for place, method in enumerate(info.methods):
        points = [point for point in info.points if point.method == method]
        if not points:
            continue
        look, shift = _marker(method), _shift(place, len(info.methods))
        figure.add_scatter(
            x=[shift * point.cost for point in points],
            y=[scale * point.accuracy.mean for point in points],
            error_y=_bars([scale * point.accuracy.deviation for point in points], look["color"]),
            mode="lines+markers" if method == PLANTING else "markers",
            name=method,
            marker=look,
            hovertext=[
                f"<b>{escape(method)}</b>, step {point.step}<br>"
                f"{shown_cost(point.cost)} {title}<br>"
                f"test {words} {shown_spread(point.accuracy, metric)}{unit} "
                f"({point.networks} networks)"
                for point in points
            ],
            hoverinfo="text",
        )
    if not isnan(info.teacher_accuracy.mean):  # a star where it is, and a line at its accuracy
        accuracy = scale * info.teacher_accuracy.mean
        figure.add_scatter(
            x=[info.teacher_cost],
            y=[accuracy],
            mode="markers",
            name="teacher",
            marker=marker("teacher", 14),
            hovertext=[
                f"teacher<br>test {words} {shown_spread(info.teacher_accuracy, metric)}{unit}"
            ],
            hoverinfo="text",
        )
        line = {"color": TEACHER_COLOUR, "dash": "dot", "width": 1.5}
        figure.add_hline(y=accuracy, line=line, opacity=1, layer="below")
    lay_out(figure, f"Test {words} against {title}")
    figure.update_xaxes(title=title, type="log", dtick="D2", tickformat="~s")
    figure.update_yaxes(title=f"test {metric.title}")
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
    title = title_of(comparison.cost_name)
    return HypervolumeInfo(methods, points, title, comparison.metric)


def hypervolume_figure(info: HypervolumeInfo) -> go.Figure:
    """Hypervolume against seconds: up and left is better."""
    figure = go.Figure()
    for point in info.points:
        look = _marker(point.method)
        figure.add_scatter(
            x=[point.seconds.mean],
            y=[point.hypervolume.mean],
            error_x=_bars([point.seconds.deviation], look["color"]),
            error_y=_bars([point.hypervolume.deviation], look["color"]),
            mode="markers",
            name=point.name,
            marker={**look, "symbol": "circle-open"} if point.name == PLANTING_ALONE else look,
            hovertemplate="%{x:,.1f} s, hypervolume %{y:.4f}",
        )
    lay_out(figure, HYPERVOLUME.title)
    figure.update_xaxes(title="seconds in total", type="log", nticks=10)
    area = f"(test {info.metric.words} x log {escape(info.title)})"
    figure.update_yaxes(title=f"hypervolume<br>{area}")
    return figure


def write_comparison_page(comparison: Comparison, path: Path) -> None:
    """Writes plots, sentences and tables as one page that works offline.

    Raises:
        StorageError: The file cannot be written.
    """
    write_file(path, comparison_page(comparison).encode())


def comparison_page(comparison: Comparison) -> str:
    """The page as HTML, with the look of a study's report."""
    words, name = comparison.metric.words, comparison.cost_name
    counted: dict[ComparedCost, DrawnPlot] = {"parameters": PARETO, "macs": PARETO_OF_MACS}
    paretos = [
        plot._replace(title=plot.title.replace("accuracy", words)).holding(
            comparison_pareto_figure(comparison_pareto_info(comparison, horizontal))
        )
        # What accuracy is traded for is first.
        for horizontal, plot in sorted(counted.items(), key=lambda each: each[0] != name)
    ]
    if name not in counted:
        paretos.insert(0, _pareto_of_cost(comparison_pareto_info(comparison)))
    return rendered(
        "comparison.html",
        studies=", ".join(dict.fromkeys(entry.study for entry in comparison.entries)),
        verdict=verdict(comparison),
        text_columns=TEXT_COLUMNS,
        plots=[
            *paretos,
            HYPERVOLUME.holding(hypervolume_figure(hypervolume_info(comparison))),
        ],
    )


def _pareto_of_cost(info: ComparisonParetoInfo) -> DrawnPlot:
    plot = DrawnPlot(
        "pareto-cost",
        f"Test {info.metric.words} against {info.title}",
        "The networks by what the search trades accuracy for, of which baselines have as much as "
        "planted networks.",
    )
    return plot.holding(comparison_pareto_figure(info))


def _methods(comparison: Comparison) -> list[str]:
    """Each method once, in the order of the legend."""
    return in_legend_order([entry.method for entry in comparison.entries])


def _shift(number: int, count: int) -> float:
    """What a method's parameters are multiplied by to be drawn beside others: planting's by 1.

    The others stand to its left and right in turn, with a gap of one place around it.
    """
    side = (number + 3) // 2 * (-1 if number % 2 else 1) if number else 0
    return float(SPREAD_OF_METHODS ** (side / (count + 2)))


def _marker(method: str) -> dict[str, object]:
    return marker(method, 12 if method == PLANTING else 9)


def _bars(deviations: Sequence[float], colour: object) -> dict[str, object]:
    return {"array": list(deviations), "color": colour, "thickness": 1, "width": 3}
