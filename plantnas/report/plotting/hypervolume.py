"""How good the front has become, by finished trials and by seconds, beside the baselines' fronts.

Hypervolume is that of plantnas/hypervolume.py, on the validation split. The mean over studies, on
the test split, is in comparison/page.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import chain
from math import isnan
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from plantnas.hypervolume import Point, hypervolume, worst_corner
from plantnas.measured import ACCURACY, Metric
from plantnas.records.record import NetworkRecord
from plantnas.report.costs import method_costs
from plantnas.report.entries import accuracy_on, compared_entries, points_of_all_sizes, seconds_of
from plantnas.report.finished_trials import FinishedTrial, finished_trials, seconds_in_vain
from plantnas.report.front import PLANTING, is_choosable, metric_of
from plantnas.report.plotting.styles import (
    PLANTING_COLOUR,
    duration,
    in_legend_order,
    lay_out,
    legend_at_bottom,
    marker,
    say_empty,
    time_unit,
)
from plantnas.report.study_data import StudyData

THE_SEARCH = "all that the search found"


class HypervolumePoint(NamedTuple):
    """The search after a trial.

    Attributes:
        trials: Finished ones.
        seconds: Of training so far, all workers together, with teacher and seed.
        hypervolume: That of the networks that can be chosen.
        hover: What is shown while the pointer is on it.
    """

    trials: int
    seconds: float
    hypervolume: float
    hover: str


class MethodHypervolume(NamedTuple):
    """What a method reaches at the compared sizes.

    Attributes:
        method: Whose.
        seconds: Of training all sizes, with what it searched or tuned, and the teacher it needs.
        hypervolume: That of its networks of all sizes.
    """

    method: str
    seconds: float
    hypervolume: float


class HypervolumeInfo(NamedTuple):
    """What the plot of hypervolume shows.

    Attributes:
        name: Name of the study.
        cost_title: What its costs are.
        points: After the seed, and after each finished trial.
        methods: Those that have all sizes, planting among them, if there are baselines at all.
        metric: What is traded for the cost.
    """

    name: str
    cost_title: str
    points: list[HypervolumePoint]
    methods: list[MethodHypervolume]
    metric: Metric = ACCURACY


class _Moment(NamedTuple):
    """The search after a trial, before the corner is known: what can be chosen then."""

    trials: int
    seconds: float
    chosen: list[Point]
    hover: str


def hypervolume_info(recorded: StudyData) -> HypervolumeInfo:
    """The data of the plot, from one corner: the teacher's cost and the lowest accuracy of all.

    The curve is of seed and grown networks of any size. A method has the compared sizes alone, so
    planting is shown a second time with these: that point is what the others are to be held to.
    """
    networks, finished = recorded.networks, finished_trials(recorded)
    moments = list(_moments(networks, finished))
    methods = points_of_all_sizes(compared_entries(recorded.name, networks), "validation")
    shown = [*(moments[-1].chosen if moments else []), *chain.from_iterable(methods.values())]
    if not shown:
        return HypervolumeInfo(recorded.name, recorded.cost_title, [], [])
    corner = worst_corner(shown, recorded.teacher.cost if recorded.teacher else None)
    points = []
    for moment in moments:
        volume = hypervolume(moment.chosen, corner)
        hover = f"<b>hypervolume {volume:.4f}</b><br>{moment.hover}"
        points.append(HypervolumePoint(moment.trials, moment.seconds, volume, hover))
    costs = method_costs(recorded.name, networks, seconds_in_vain(finished))
    seconds = {cost.method: cost.total for cost in costs}
    reached = [
        MethodHypervolume(method, seconds[method], hypervolume(methods[method], corner))
        for method in in_legend_order(list(methods))
    ]
    metric = metric_of(networks)
    return HypervolumeInfo(recorded.name, recorded.cost_title, points, reached, metric)


def hypervolume_figure(volumes: HypervolumeInfo) -> go.Figure:
    """Against trials above, against seconds below, as steps; one panel on the other for phones.

    A method has a marker where it was done, and a dashed line from there to the end of the plot.
    """
    figure = make_subplots(rows=2, cols=1, shared_yaxes="all", vertical_spacing=0.14)
    points, methods = volumes.points, volumes.methods
    ends = [*(point.seconds for point in points), *(method.seconds for method in methods)]
    last = max(ends, default=0.0)
    unit = time_unit(last)
    if points:
        trials = [float(point.trials) for point in points]
        spent = [point.seconds / unit.seconds for point in points]
        figure.add_trace(_steps(points, trials), row=1, col=1)
        figure.add_trace(_steps(points, spent, showlegend=False), row=2, col=1)
    for method, seconds, volume in methods:
        look, begin, end = marker(method, 11), seconds / unit.seconds, 1.02 * last / unit.seconds
        name = "planting, compared sizes" if method == PLANTING else escape(method)
        hover = f"<b>{name}</b>: hypervolume {volume:.4f}<br>{duration(seconds)}"
        common = {"name": name, "legendgroup": name, "hovertext": hover, "hoverinfo": "text"}
        level = {"x": [begin, end], "y": [volume, volume], "mode": "lines", "showlegend": False}
        level["line"] = {"dash": "dash", "color": look["color"], "width": 1.5}
        start = {"x": [begin], "y": [volume], "mode": "markers", "marker": look}
        figure.add_scatter(**level, **common, row=2, col=1)
        figure.add_scatter(**start, **common, row=2, col=1)
    lay_out(figure, f"{escape(volumes.name)}: hypervolume", 720)
    legend_at_bottom(figure)
    figure.update_xaxes(rangemode="tozero")
    figure.update_xaxes(title="finished trials", row=1, col=1)
    figure.update_xaxes(title=f"{unit.name} of training, all workers together", row=2, col=1)
    traded = f"{volumes.metric.words} ×<br>ln {escape(volumes.cost_title)}"
    figure.update_yaxes(title=traded)
    if not points:
        say_empty(figure, "neither seed nor planted network has been evaluated yet")
    return figure


def _moments(
    networks: Sequence[NetworkRecord], finished: Iterable[FinishedTrial]
) -> Iterator[_Moment]:
    """The search after the seed, and after each trial."""
    prepared = [record for record in networks if record.method in ("teacher", "seed")]
    chosen = _evaluated([record for record in prepared if record.method == "seed"])
    if not chosen:
        return
    seconds = seconds_of(prepared)
    yield _Moment(0, seconds, chosen, f"teacher and seed after {duration(seconds)}")
    for count, trial in enumerate(finished, 1):
        seconds += trial.seconds
        what = "probe" if trial.outcome == "complete" else str(trial.outcome)
        if trial.network:
            what = f"{trial.network.kind}, step {trial.network.step}, network {trial.network.id}"
            if is_choosable(trial.network):
                chosen = [*chosen, *_evaluated([trial.network])]
        spent = f"finished trials: {count}, {duration(seconds)}"
        yield _Moment(count, seconds, chosen, f"{spent}<br>last: trial {trial.number}, {what}")


def _evaluated(networks: Sequence[NetworkRecord]) -> list[Point]:
    return [
        Point(accuracy, record.cost)
        for record in networks
        if (accuracy := accuracy_on(record, "validation")) is not None and not isnan(record.cost)
    ]


def _steps(moments: Sequence[HypervolumePoint], x: Sequence[float], **rest: Any) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=[point.hypervolume for point in moments],
        mode="lines+markers",
        line={"shape": "hv", "color": PLANTING_COLOUR, "width": 2},
        marker={"size": 4},
        name=THE_SEARCH,
        legendgroup=THE_SEARCH,
        hovertext=[point.hover for point in moments],
        hoverinfo="text",
        **rest,
    )
