"""The tree of parents and children: which network was planted from which. No costs here."""

from collections.abc import Iterator, Sequence
from html import escape
from math import log, nan, pi, sqrt
from typing import NamedTuple

import plotly.graph_objects as go

from plantnas.grouping import grouped
from plantnas.measured import ACCURACY, Metric
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import accuracy_on
from plantnas.report.front import PLANTING, metric_of, validation_accuracy, winning_lineage
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
"""Areas of the markers of the smallest and the largest network, in square pixels."""
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
        name: Name of the study.
        points: Seed and planted networks, parents before children.
        rows: Height of the tree.
        metric: What the accuracies are.
    """

    name: str
    points: list[LineagePoint]
    rows: float
    metric: Metric = ACCURACY


def lineage_info(recorded: StudyData) -> LineageInfo:
    """The data of the tree.

    Children are beside their parent, the grown ones above the screened ones, and the more accurate
    ones above the less accurate ones. No two edges cross.
    """
    tree = [each for each in recorded.networks if each.method in ("seed", PLANTING)]
    winners = {each.id for each in winning_lineage(recorded.networks)}
    places, rows = _places(tree)
    columns, points = dict[int | None, float](), list[LineagePoint]()
    for each in tree:
        assert each.id is not None  # it comes from a database
        # The edges of a parent end before its children begin.
        least = columns[each.parent_id] + SHOULDER if each.parent_id in columns else 0.0
        columns[each.id] = max(float(each.step or 0), least)
        point = LineagePoint(
            network_id=each.id,
            parent_id=each.parent_id,
            kind=each.kind,
            x=columns[each.id],
            y=places[each.id],
            parameters=each.parameters,
            accuracy=accuracy_on(each, "validation"),
            wins=each.id in winners,
            hover=network_hover(each),
        )
        points.append(point)
    return LineageInfo(recorded.name, points, rows, metric_of(recorded.networks))


def lineage_figure(lineage: LineageInfo) -> go.Figure:
    """Edges below, then the screened networks, small and faint, then those to choose from."""
    points, rows = lineage.points, lineage.rows
    figure = lay_out(go.Figure(), f"{escape(lineage.name)}: parents and children")
    figure.update_layout(height=max(LEAST_HEIGHT, ROW_PIXELS * rows + 190))
    figure.add_traces([*_edge_traces(points), *_marker_traces(points, lineage.metric)])
    title = f"validation {lineage.metric.title}"
    bar = {"title": {"text": title, "side": "right"}, "thickness": 14}
    bar |= {"lenmode": "pixels", "len": 220, "y": 1, "yanchor": "top", "outlinewidth": 0}
    figure.update_layout(coloraxis={"colorscale": ACCURACY_SCALE, "colorbar": bar})
    figure.update_layout(legend_traceorder="reversed", margin_l=20)
    last = max((point.x for point in points), default=1)
    figure.update_xaxes(title="step (0 is the seed)", showgrid=False, zeroline=False)
    figure.update_xaxes(dtick=1 if last < 15 else 5, range=[-0.4, last + 0.4])
    figure.update_yaxes(visible=False, range=[rows + 0.3, -0.5])
    return figure if points else say_empty(figure, "no seed has been trained yet")


def edge_of(above: LineagePoint, below: LineagePoint) -> Edge:
    """The corners of the line between them: a slope right behind the parent, then level."""
    return (above.x, above.y), (above.x + SHOULDER, below.y), (below.x, below.y)


def _places(tree: Sequence[NetworkRecord]) -> tuple[dict[int | None, float], float]:
    """Rows from the top by network, and those of the whole tree.

    A network has a band of rows to itself and its descendants, and is in the middle of it.
    """
    known = {each.id for each in tree}
    from_above = sorted(tree, key=lambda each: (each.kind == "screen", -validation_accuracy(each)))
    children = grouped(  # those of None have no parent in the tree
        (each.parent_id if each.parent_id in known else None, each) for each in from_above
    )
    screened_rows = _screened_rows([each.kind for each in tree])
    bands: dict[int | None, float] = {}
    for each in reversed(tree):
        own = screened_rows if each.kind == "screen" else 1.0
        bands[each.id] = max(own, sum(bands[child.id] for child in children.get(each.id, [])))
    rows = sum(bands[root.id] for root in children.get(None, []))
    places: dict[int | None, float] = {None: rows / 2}
    for parent in (None, *(each.id for each in tree)):
        theirs = children.get(parent, [])
        top = places[parent] - sum(bands[child.id] for child in theirs) / 2
        for child in theirs:
            places[child.id] = top + bands[child.id] / 2
            top += bands[child.id]
    return places, rows


def _screened_rows(kinds: Sequence[str | None]) -> float:
    return SCREENED_ROWS if kinds.count("screen") < MANY else SCREENED_ROWS_OF_MANY


def _edge_traces(nodes: Sequence[LineagePoint]) -> Iterator[go.Scatter]:
    """The edges to screened networks, to grown ones, and those of the winning lineage."""
    by_id = {point.network_id: point for point in nodes}
    looks = {
        "screened": ("#CCCCCC", 0.7),
        "grown": ("#777777", 1.3),
        "winning lineage": (PLANTING_COLOUR, 4),
    }
    corners: dict[str, list[tuple[float | None, float | None]]] = {name: [] for name in looks}
    for child in nodes:
        if child.parent_id in by_id:
            kind = "screened" if child.kind == "screen" else "grown"
            edge = edge_of(by_id[child.parent_id], child)
            corners["winning lineage" if child.wins else kind] += [*edge, (None, None)]
    for name, (colour, width) in looks.items():
        if corners[name]:
            yield go.Scatter(
                x=[x for x, _ in corners[name]],
                y=[y for _, y in corners[name]],
                mode="lines",
                line={"color": colour, "width": width},
                name=name,
                showlegend=name == "winning lineage",
                hoverinfo="skip",
            )


def _marker_traces(nodes: Sequence[LineagePoint], metric: Metric) -> list[go.Scatter]:
    """The networks by kind, then what the legend shows of each kind.

    Plotly draws a marker that is coloured by a scale in black in the legend, so that the legend
    has traces of its own.
    """
    kinds = {"screened planting": "screen", "grown planting": "grow", "seed": None}
    diameters, shown, entries = _diameters(nodes), [], []
    for name, kind in kinds.items():
        theirs = [point for point in nodes if point.kind == kind]
        screened, symbol = kind == "screen", "diamond" if name == "seed" else "circle"
        if not theirs:
            continue
        markers = go.Scatter(
            x=[point.x for point in theirs],
            y=[point.y for point in theirs],
            mode="markers" if screened else "markers+text",
            name=name,
            text=None if screened else [str(point.network_id) for point in theirs],
            textposition="top left",
            textfont={"size": 11, "color": "#333333"},
            marker={
                "size": [diameters[point.network_id] for point in theirs],
                "color": [nan if p.accuracy is None else metric.scale * p.accuracy for p in theirs],
                "coloraxis": "coloraxis",
                "symbol": symbol,
                "opacity": 0.7 if screened else 1.0,
                "line": {"width": 0 if screened else 1, "color": SCREENED_COLOUR},
            },
            hovertext=[point.hover for point in theirs],
            hoverinfo="text",
            showlegend=False,
        )
        shown.append(markers)
        look = {"color": SCREENED_COLOUR, "symbol": symbol, "size": 6 if screened else 11}
        entries.append(go.Scatter(x=[None], y=[None], mode="markers", name=name, marker=look))
    return shown + entries


def _diameters(nodes: Sequence[LineagePoint]) -> dict[int, float]:
    """The markers' diameters by network: an area grows with the logarithm of the parameters."""
    logs = {point.network_id: log(point.parameters) for point in nodes}
    low, high = min(logs.values(), default=0), max(logs.values(), default=0)
    screened_area = SCREENED_AREA * _screened_rows([point.kind for point in nodes])
    diameters = {}
    for point in nodes:
        share = (logs[point.network_id] - low) / ((high - low) or 1)
        area = SMALLEST_AREA + (LARGEST_AREA - SMALLEST_AREA) * share
        if point.kind == "screen":
            area *= screened_area
        diameters[point.network_id] = 2 * sqrt(area / pi)
    return diameters
