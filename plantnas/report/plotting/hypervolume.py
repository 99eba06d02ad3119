"""How good the front has become, by finished trials and by seconds, beside the baselines' fronts.

Hypervolume is that of plantnas/hypervolume.py, on the validation split. The mean over studies, on
the test split, is in comparison_plots.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from plantnas.hypervolume import Corner, Point, hypervolume, worst_corner
from plantnas.records.record import NetworkRecord
from plantnas.report.costs import SearchCost, method_costs
from plantnas.report.entries import accuracy_on, compared_entries, points_of_all_sizes, seconds_of
from plantnas.report.finished_trials import FinishedTrial, finished_trials, seconds_in_vain
from plantnas.report.front import PLANTING, is_choosable
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
        hypervolume: Of the networks that can be chosen.
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
        hypervolume: Of its networks of all sizes.
    """

    method: str
    seconds: float
    hypervolume: float


class HypervolumeInfo(NamedTuple):
    """What the plot of hypervolume shows.

    Attributes:
        study: Name of the study.
        points: After the seed, and after each finished trial.
        methods: Those that have all sizes, planting among them, if there are baselines at all.
    """

    study: str
    points: list[HypervolumePoint]
    methods: list[MethodHypervolume]


class _Done(NamedTuple):
    """A point before the corner is known: what can be chosen then."""

    trials: int
    seconds: float
    chosen: list[Point]
    hover: str


def hypervolume_info(data: StudyData) -> HypervolumeInfo:
    """The data of the plot, from one corner: the teacher's size and the lowest accuracy of all.

    The curve is of seed and grown networks of any size. A method has the compared sizes alone, so
    planting is shown a second time with these: that point is what the others are to be held to.
    """
    finished = finished_trials(data)
    done = list(_done(data.networks, finished))
    methods = points_of_all_sizes(compared_entries(data.name, data.networks), "validation")
    shown = [*(done[-1].chosen if done else []), *_flat(methods.values())]
    if not shown:
        return HypervolumeInfo(data.name, [], [])
    corner = worst_corner(shown, data.teacher.parameters if data.teacher else None)
    points = [_point(each, corner) for each in done]
    costs = method_costs(data.name, data.networks, seconds_in_vain(finished))
    return HypervolumeInfo(data.name, points, _reached(costs, methods, corner))


def hypervolume_figure(info: HypervolumeInfo) -> go.Figure:
    """Against trials above, against seconds below, as steps; one panel on the other for phones."""
    figure = make_subplots(rows=2, cols=1, shared_yaxes="all", vertical_spacing=0.14)
    seconds = [point.seconds for point in info.points] + [each.seconds for each in info.methods]
    unit = time_unit(max(seconds, default=0.0))
    if info.points:
        trials = [float(point.trials) for point in info.points]
        spent = [point.seconds / unit.seconds for point in info.points]
        figure.add_trace(_steps(info.points, trials), row=1, col=1)
        figure.add_trace(_steps(info.points, spent, showlegend=False), row=2, col=1)
    end = max(seconds, default=0.0) / unit.seconds
    for method in info.methods:
        figure.add_traces(_level(method, unit.seconds, end), rows=2, cols=1)
    lay_out(figure, f"{escape(info.study)}: hypervolume", 720)
    legend_at_bottom(figure)
    figure.update_xaxes(rangemode="tozero")
    figure.update_xaxes(title="finished trials", row=1, col=1)
    figure.update_xaxes(title=f"{unit.name} of training, all workers together", row=2, col=1)
    figure.update_yaxes(title="accuracy × ln parameters")
    if not info.points:
        say_empty(figure, "neither seed nor planted network has been evaluated yet")
    return figure


def _done(networks: Sequence[NetworkRecord], finished: Iterable[FinishedTrial]) -> Iterator[_Done]:
    """After the seed, and after each trial."""
    prepared = [network for network in networks if network.method in ("teacher", "seed")]
    seeds = [network for network in prepared if network.method == "seed"]
    if not (chosen := _evaluated(seeds)):
        return
    seconds = seconds_of(prepared)
    yield _Done(0, seconds, chosen, f"teacher and seed after {duration(seconds)}")
    for number, trial in enumerate(finished, 1):
        seconds += trial.seconds
        if trial.network and is_choosable(trial.network):
            chosen = [*chosen, *_evaluated([trial.network])]
        yield _Done(number, seconds, chosen, _hover(trial, number, seconds))


def _evaluated(networks: Iterable[NetworkRecord]) -> list[Point]:
    return [
        Point(accuracy, network.parameters)
        for network in networks
        if (accuracy := accuracy_on(network, "validation")) is not None
    ]


def _hover(trial: FinishedTrial, number: int, seconds: float) -> str:
    if trial.network:
        what = f"{trial.network.kind}, step {trial.network.step}, network {trial.network.id}"
    else:
        what = trial.outcome
    return f"finished trials: {number}, {duration(seconds)}<br>last: trial {trial.number}, {what}"


def _point(done: _Done, corner: Corner) -> HypervolumePoint:
    volume = hypervolume(done.chosen, corner)
    hover = f"<b>hypervolume {volume:.4f}</b><br>{done.hover}"
    return HypervolumePoint(done.trials, done.seconds, volume, hover)


def _flat(lists: Iterable[Sequence[Point]]) -> list[Point]:
    return [point for each in lists for point in each]


def _reached(
    costs: Iterable[SearchCost], methods: dict[str, list[Point]], corner: Corner
) -> list[MethodHypervolume]:
    seconds = {cost.method: cost.total for cost in costs}
    return [
        MethodHypervolume(method, seconds[method], hypervolume(methods[method], corner))
        for method in in_legend_order(list(methods))
    ]


def _steps(points: Sequence[HypervolumePoint], x: Sequence[float], **rest: Any) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=[point.hypervolume for point in points],
        mode="lines+markers",
        line={"shape": "hv", "color": PLANTING_COLOUR, "width": 2},
        marker={"size": 4},
        name=THE_SEARCH,
        legendgroup=THE_SEARCH,
        hovertext=[point.hover for point in points],
        hoverinfo="text",
        **rest,
    )


def _level(method: MethodHypervolume, unit_seconds: float, end: float) -> list[go.Scatter]:
    """A marker where the method was done, and a dashed line from there to the end of the plot."""
    x, look = method.seconds / unit_seconds, marker(method.method, 11)
    name = "planting, compared sizes" if method.method == PLANTING else escape(method.method)
    hover = f"<b>{name}</b>: hypervolume {method.hypervolume:.4f}<br>{duration(method.seconds)}"
    common = {"name": name, "legendgroup": name, "hovertext": hover, "hoverinfo": "text"}
    line = {"dash": "dash", "color": look["color"], "width": 1.5}
    level = {"x": [x, 1.02 * end], "y": [method.hypervolume] * 2, "mode": "lines", "line": line}
    start = {"x": [x], "y": [method.hypervolume], "mode": "markers", "marker": look}
    return [go.Scatter(**level, **common, showlegend=False), go.Scatter(**start, **common)]
