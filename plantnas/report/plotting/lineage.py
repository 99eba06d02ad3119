"""The tree of parents and children: which network was planted from which. No costs here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain
from math import log, pi, sqrt
from typing import Any, NamedTuple

import plotly.graph_objects as go

from plantnas.records.record import NetworkRecord
from plantnas.report.entries import accuracy_on
from plantnas.report.front import PLANTING, validation_accuracy, winning_lineage
from plantnas.report.plotting.pareto import network_hover
from plantnas.report.plotting.styles import (
    ACCURACY_SCALE,
    PLANTING_COLOUR,
    SCREENED_COLOUR,
    lay_out,
    say_empty,
)
from plantnas.report.study_data import StudyData

SHOULDER = 0.4
"""Steps behind a parent within which its edges spread; from there they are level."""
SCREENED_ROWS, SCREENED_ROWS_OF_MANY = 0.3, 0.2
"""Rows that a screened network takes, also if there are `MANY`; any other one takes a whole row."""
MANY = 100
ROW_PIXELS = 24
LEAST_HEIGHT = 420
SMALLEST_AREA, LARGEST_AREA = 50.0, 260.0
"""Of the markers of the networks with the fewest and the most parameters, in square pixels."""
SCREENED_AREA = 0.35
"""Area of a screened network's marker, as a share of a grown one's, times the rows that it has."""
Edge = tuple[tuple[float, float], ...]


class LineagePoint(NamedTuple):
    """A network in the tree.

    Attributes:
        network_id: Its number.
        parent_id: Its parent's, None for the seed.
        kind: As in its record.
        x: Its step; a network that is planted in a parent of its own step is a little behind it.
        y: Rows from the top of the tree.
        parameters: Number of parameters.
        accuracy: On validation, 0 to 1; None where it was not evaluated.
        wins: Whether it is of the lineage of the most accurate planted network on the front.
        hover: What is shown while the pointer is on it.
    """

    network_id: int
    parent_id: int | None
    kind: str | None
    x: float
    y: float
    parameters: int
    accuracy: float | None
    wins: bool
    hover: str


class LineageInfo(NamedTuple):
    """What the tree shows.

    Attributes:
        study: Name of the study.
        points: Seed and planted networks, parents before children.
        rows: Height of the tree.
    """

    study: str
    points: list[LineagePoint]
    rows: float


def lineage_info(data: StudyData, screened: bool = True) -> LineageInfo:
    """The data of the tree.

    Children are beside their parent, the grown ones above the screened ones, and the more accurate
    ones above the less accurate ones. No two edges cross.

    Args:
        data: All of the study.
        screened: Whether to show the networks that were only screened.
    """
    kinds = (None, "grow", "screen") if screened else (None, "grow")
    tree = [
        each for each in data.networks if each.method in ("seed", PLANTING) and each.kind in kinds
    ]
    winners = {each.id for each in winning_lineage(data.networks)}
    columns, (places, rows) = _columns(tree), _places(tree)
    points = [
        LineagePoint(
            network_id=_number(each),
            parent_id=each.parent_id,
            kind=each.kind,
            x=columns[_number(each)],
            y=places[_number(each)],
            parameters=each.parameters,
            accuracy=accuracy_on(each, "validation"),
            wins=each.id in winners,
            hover=network_hover(each),
        )
        for each in tree
    ]
    return LineageInfo(data.name, points, rows)


def lineage_figure(info: LineageInfo) -> go.Figure:
    """Edges below, then the screened networks, small and faint, then those to choose from."""
    figure = lay_out(go.Figure(), f"{escape(info.study)}: parents and children")
    figure.update_layout(height=max(LEAST_HEIGHT, ROW_PIXELS * info.rows + 190))
    figure.add_traces([*_edge_traces(info.points), *_marker_traces(info.points)])
    bar = {"title": {"text": "validation accuracy (%)", "side": "right"}, "thickness": 14}
    bar |= {"lenmode": "pixels", "len": 220, "y": 1, "yanchor": "top", "outlinewidth": 0}
    figure.update_layout(coloraxis={"colorscale": ACCURACY_SCALE, "colorbar": bar})
    figure.update_layout(legend_traceorder="reversed", margin_l=20)
    last = max((point.x for point in info.points), default=1)
    ticks: dict[str, Any] = {"dtick": 1 if last < 15 else 5, "range": [-0.4, last + 0.4]}
    figure.update_xaxes(title="step (0 is the seed)", showgrid=False, zeroline=False, **ticks)
    figure.update_yaxes(visible=False, range=[info.rows + 0.3, -0.5])
    if not info.points:
        say_empty(figure, "no seed has been trained yet")
    return figure


def edge_of(parent: LineagePoint, child: LineagePoint) -> Edge:
    """The corners of the line between them: a slope right behind the parent, then level."""
    return (parent.x, parent.y), (parent.x + SHOULDER, child.y), (child.x, child.y)


def _number(network: NetworkRecord) -> int:
    assert network.id is not None  # it comes from a database
    return network.id


def _columns(tree: Sequence[NetworkRecord]) -> dict[int, float]:
    """Steps by network; the edges of a parent end before its children begin."""
    columns: dict[int, float] = {}
    for network in tree:
        least = columns[network.parent_id] + SHOULDER if network.parent_id in columns else 0.0
        columns[_number(network)] = max(float(network.step or 0), least)
    return columns


def _places(tree: Sequence[NetworkRecord]) -> tuple[dict[int, float], float]:
    """Rows from the top by network, and of the whole tree.

    A network has a band of rows to itself and its descendants, and is in the middle of it.
    """
    children, screened_rows = _children(tree), _screened_rows([each.kind for each in tree])
    bands: dict[int | None, float] = {}
    for network in reversed(tree):
        own = screened_rows if network.kind == "screen" else 1.0
        bands[network.id] = max(own, sum(bands[each.id] for each in children[network.id]))
    rows = sum(bands[root.id] for root in children[None])
    places: dict[int, float] = {}
    for parent in (None, *(network.id for network in tree)):
        theirs = sum(bands[each.id] for each in children[parent])
        top = (rows if parent is None else 2 * places[parent]) / 2 - theirs / 2
        for child in children[parent]:
            places[_number(child)] = top + bands[child.id] / 2
            top += bands[child.id]
    return places, rows


def _children(tree: Sequence[NetworkRecord]) -> Mapping[int | None, list[NetworkRecord]]:
    """By parent, in the order from above; those of None have no parent in the tree."""
    known = {network.id for network in tree}
    children: defaultdict[int | None, list[NetworkRecord]] = defaultdict(list)
    for network in sorted(
        tree, key=lambda each: (each.kind == "screen", -validation_accuracy(each))
    ):
        children[network.parent_id if network.parent_id in known else None].append(network)
    return children


def _screened_rows(kinds: Sequence[str | None]) -> float:
    return SCREENED_ROWS if kinds.count("screen") < MANY else SCREENED_ROWS_OF_MANY


def _edge_traces(points: Sequence[LineagePoint]) -> list[go.Scatter]:
    """The edges to screened networks, to grown ones, and those of the winning lineage."""
    by_id = {point.network_id: point for point in points}
    edges: dict[str, list[Edge]] = {"screened": [], "grown": [], "winning lineage": []}
    for child in points:
        if child.parent_id in by_id:
            kind = "screened" if child.kind == "screen" else "grown"
            name = "winning lineage" if child.wins else kind
            edges[name].append(edge_of(by_id[child.parent_id], child))
    lines = {"screened": ("#CCCCCC", 0.7), "grown": ("#777777", 1.3)}
    return [
        _line(name, found, *lines.get(name, (PLANTING_COLOUR, 4)), name == "winning lineage")
        for name, found in edges.items()
        if found
    ]


def _line(name: str, edges: Sequence[Edge], colour: str, width: float, named: bool) -> go.Scatter:
    corners = list(chain.from_iterable((*edge, (None, None)) for edge in edges))
    return go.Scatter(
        x=[x for x, _ in corners],
        y=[y for _, y in corners],
        mode="lines",
        line={"color": colour, "width": width},
        name=name,
        showlegend=named,
        hoverinfo="skip",
    )


def _marker_traces(points: Sequence[LineagePoint]) -> list[go.Scatter]:
    diameters = _diameters(points)
    kinds = {
        "screened planting": [point for point in points if point.kind == "screen"],
        "grown planting": [point for point in points if point.kind == "grow"],
        "seed": [point for point in points if point.kind is None],
    }
    shown = [(name, theirs) for name, theirs in kinds.items() if theirs]
    return [_markers(name, theirs, diameters) for name, theirs in shown] + [
        _legend_entry(name, _symbol(name)) for name, _ in shown
    ]


def _symbol(name: str) -> str:
    return "diamond" if name == "seed" else "circle"


def _legend_entry(name: str, symbol: str) -> go.Scatter:
    """Plotly draws a marker that is coloured by a scale in black in the legend."""
    size = 6 if name == "screened planting" else 11
    look = {"color": SCREENED_COLOUR, "symbol": symbol, "size": size}
    return go.Scatter(x=[None], y=[None], mode="markers", name=name, marker=look)


def _markers(
    name: str, points: Sequence[LineagePoint], diameters: Mapping[int, float]
) -> go.Scatter:
    screened = name == "screened planting"
    return go.Scatter(
        x=[point.x for point in points],
        y=[point.y for point in points],
        mode="markers" if screened else "markers+text",
        name=name,
        text=None if screened else [str(point.network_id) for point in points],
        textposition="top left",
        textfont={"size": 11, "color": "#333333"},
        marker={
            "size": [diameters[point.network_id] for point in points],
            "color": [None if (is_ := p.accuracy) is None else 100 * is_ for p in points],
            "coloraxis": "coloraxis",
            "symbol": _symbol(name),
            "opacity": 0.7 if screened else 1.0,
            "line": {"width": 0 if screened else 1, "color": SCREENED_COLOUR},
        },
        hovertext=[point.hover for point in points],
        hoverinfo="text",
        showlegend=False,
    )


def _diameters(points: Sequence[LineagePoint]) -> dict[int, float]:
    """By network: the area of a marker grows with the logarithm of the parameters."""
    logs = {point.network_id: log(point.parameters) for point in points}
    low, high = min(logs.values(), default=0), max(logs.values(), default=0)
    screened_area = SCREENED_AREA * _screened_rows([point.kind for point in points])

    def area(point: LineagePoint) -> float:
        share = (logs[point.network_id] - low) / ((high - low) or 1)
        full = SMALLEST_AREA + (LARGEST_AREA - SMALLEST_AREA) * share
        return full * (screened_area if point.kind == "screen" else 1.0)

    return {point.network_id: 2 * sqrt(area(point) / pi) for point in points}
