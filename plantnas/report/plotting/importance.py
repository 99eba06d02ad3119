"""Which groups' planting raised accuracy, step by step, from the screened plantings alone.

How: the screened plantings of a step are compared with the others of the same parent (the parent's
mean is subtracted from everything). Each group's growth is log(child's width / parent's width).
Wider networks have more parameters, and that alone makes them better; as the parameters are nearly
a function of the widths, a regression on both together would share the merit of size among the
groups. So size comes first: what log(parameters) explains, by least squares, is taken away from
accuracy and from each group's growth, and only what is left is regressed, by ridge regression on
growths of unit variance (alpha by leave-one-out). That is ridge regression on all of them with no
penalty on log(parameters). On made-up networks whose accuracy depends on size alone, the joint
regression credits the groups with up to 0.16 of size's effect each, this one with none.

What a value says: points of accuracy for one standard deviation more growth of the group, at equal
size, so at the cost of the other groups; the standard deviation is that of the growth that size
does not explain. A group that grew always alike, or whose growth says no more than size, has none.

When to believe it: R² is of predictions of screens that were left out (alpha is chosen without
them too): the part of accuracy at equal size that the groups explain. If it is not above 0, as it
is shown, the step says nothing. It can be above 0 by chance: of made-up steps in which no group
mattered, it was for one in four of 6 screens, and for one in eight of 12 to 48 screens. Screens
that were stopped early count with the accuracy that they had.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from math import log
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from plantnas.records.record import NetworkRecord
from plantnas.report.entries import accuracy_on
from plantnas.report.front import PLANTING
from plantnas.report.plotting.styles import lay_out, say_empty
from plantnas.report.study_data import StudyData

LEAST_SCREENS = 4
ALPHAS = np.logspace(0, 4, 13)
"""Of which the ridge regression chooses; the last leaves nothing of any group."""
LEAST_SPREAD = 0.1
"""A group's growth that size does not explain is this part of it, or the group has no value."""
ROUNDING = 1e-9
"""What does not vary at all may differ by so much."""
ROW_PIXELS = 26
DIVERGING_SCALE = "RdBu"
"""Red for worse, blue for better: colour-blind readers tell them apart; the signs are written."""
UNRELIABLE_COLOUR = "#DDDDDD"
MOST_NUMBERED = 12
"""Steps whose cells have room for numbers on a narrow screen; of more, only the pointer tells."""
Table = NDArray[np.float64]
"""A row a screen: log parameters, each group's log growth, validation accuracy in per cent."""


class StepImportance(NamedTuple):
    """What a step says of the groups.

    Attributes:
        step: From 1.
        screens: Screened plantings that can be compared with another one of the same parent.
        r_squared: Of left-out screens, at equal size; None if there are too few screens.
        points: By group, of accuracy for one standard deviation more growth at equal size; None
            where this cannot be told.
    """

    step: int
    screens: int
    r_squared: float | None
    points: dict[str, float | None]

    @property
    def is_reliable(self) -> bool:
        """Whether it predicts screens that it has not seen, in the two digits that are shown."""
        return self.r_squared is not None and round(self.r_squared, 2) > 0


class ImportanceInfo(NamedTuple):
    """What the plot of importance shows.

    Attributes:
        study: Name of the study.
        groups: Names of the channel groups, in the order of the network.
        steps: All that have screened plantings.
    """

    study: str
    groups: list[str]
    steps: list[StepImportance]


def importance_info(data: StudyData) -> ImportanceInfo:
    """The data of the plot of importance."""
    screens = [each for each in data.networks if each.method == PLANTING and each.kind == "screen"]
    groups = list(screens[0].widths) if screens else []
    parents = {each.id: each for each in data.networks}
    steps = sorted({each.step for each in screens if each.step})
    return ImportanceInfo(
        data.name,
        groups,
        [
            _step_importance(step, [each for each in screens if each.step == step], parents, groups)
            for step in steps
        ],
    )


def importance_figure(info: ImportanceInfo) -> go.Figure:
    """A column a step, a row a group, the input at the top; unreliable steps are grey."""
    figure = lay_out(go.Figure(), f"{escape(info.study)}: which groups mattered")
    figure.update_layout(height=ROW_PIXELS * max(5, len(info.groups)) + 250)
    if any(step.is_reliable for step in info.steps):
        figure.add_trace(_cells(info))
    if not all(step.is_reliable for step in info.steps):
        figure.add_trace(_grey_cells(info))
    positions = list(range(len(info.steps)))
    figure.update_xaxes(
        tickvals=positions,
        ticktext=[_step_label(step) for step in info.steps],
        tickangle=0,
        range=[-0.5, len(info.steps) - 0.5],
    )
    rows = {"tickvals": list(range(len(info.groups))), "range": [len(info.groups) - 0.5, -0.5]}
    figure.update_yaxes(**rows, ticktext=[escape(each) for each in info.groups])
    figure.update_xaxes(showgrid=False, ticks="", visible=bool(info.steps))
    figure.update_yaxes(showgrid=False, ticks="", visible=bool(info.steps))
    if not info.steps:
        return say_empty(figure, "no planting has been screened yet")
    figure.update_layout(annotations=[_row_titles(), *_verdicts(info)])
    return figure


def _step_importance(
    step: int,
    screens: Sequence[NetworkRecord],
    parents: dict[int | None, NetworkRecord],
    groups: Sequence[str],
) -> StepImportance:
    siblings = Counter(each.parent_id for each in screens)
    compared = [each for each in screens if siblings[each.parent_id] > 1]
    if len(compared) < LEAST_SCREENS:
        return StepImportance(step, len(compared), None, dict.fromkeys(groups))
    families = np.array([each.parent_id for each in compared])
    table = np.array([_row(each, parents[each.parent_id], groups) for each in compared])
    points = dict(zip(groups, _points(table, families), strict=True))
    return StepImportance(step, len(compared), _r_squared(table, families), points)


def _row(child: NetworkRecord, parent: NetworkRecord, groups: Iterable[str]) -> list[float]:
    growths = [log(child.widths[group] / parent.widths[group]) for group in groups]
    return [log(child.parameters), *growths, 100 * (accuracy_on(child, "validation") or 0.0)]


class _Model(NamedTuple):
    """Slopes of all columns on the first; and of the groups the spread and the points."""

    slopes: Table
    spreads: Table
    points: Table


def _model(table: Table) -> _Model:
    """Fits rows from which the parents' means are subtracted."""
    from sklearn.linear_model import RidgeCV  # slow to import, and few plots need it

    sizes = table[:, 0]
    slopes = sizes @ table / (sizes @ sizes or 1.0)
    left = table - np.outer(sizes, slopes)
    spreads = left[:, 1:-1].std(axis=0)
    spreads[spreads <= LEAST_SPREAD * table[:, 1:-1].std(axis=0) + ROUNDING] = np.inf
    fitted = RidgeCV(ALPHAS, fit_intercept=False).fit(left[:, 1:-1] / spreads, left[:, -1])
    return _Model(slopes, spreads, fitted.coef_)


def _points(table: Table, families: NDArray[np.int64]) -> list[float | None]:
    model = _model(table - _means(table, families, families))
    known = np.isfinite(model.spreads)
    return [float(each) if is_ else None for each, is_ in zip(model.points, known, strict=True)]


def _r_squared(table: Table, families: NDArray[np.int64]) -> float:
    """1 for perfect predictions of left-out screens, 0 for those from size alone, or worse."""
    errors = np.array([_left_out(table, families, row) for row in range(len(table))])
    by_size, by_groups = (errors**2).sum(axis=0)
    return float(1 - by_groups / by_size) if by_size > ROUNDING else 0.0


def _left_out(table: Table, families: NDArray[np.int64], row: int) -> tuple[float, float]:
    """The errors of predicting a row from the others: by size alone, and by the groups too."""
    others = np.arange(len(table)) != row
    rest, theirs = table[others], families[others]
    model = _model(rest - _means(rest, theirs, theirs))
    (centred,) = table[[row]] - _means(rest, theirs, families[[row]])
    left = centred - centred[0] * model.slopes
    return left[-1], left[-1] - left[1:-1] / model.spreads @ model.points


def _means(table: Table, families: NDArray[np.int64], wanted: NDArray[np.int64]) -> Table:
    """The mean row of each wanted family."""
    return np.array([table[families == family].mean(axis=0) for family in wanted])


def _step_label(step: StepImportance) -> str:
    """Its number, screens and R², below one another: their names are left of the first step's."""
    return f"{step.step}<br>{step.screens}<br>{_shown_r_squared(step)}"


def _shown_r_squared(step: StepImportance) -> str:
    if step.r_squared is None:
        return "–"
    return f"{step.r_squared:.2f}" if step.is_reliable else "≤ 0"


def _row_titles() -> dict[str, Any]:
    look = {"showarrow": False, "align": "right", "font": {"size": 13}}
    place = {"xref": "paper", "x": 0, "xanchor": "right", "xshift": -4}
    place |= {"yref": "paper", "y": 0, "yanchor": "top", "yshift": -3}
    return {"text": "step<br>screens<br>R²", **look, **place}


def _verdicts(info: ImportanceInfo) -> list[dict[str, Any]]:
    """Why a step is grey, in words along its column."""
    look = {"showarrow": False, "textangle": -90, "font": {"size": 13, "color": "#555555"}}
    return [
        {
            "text": "too few screens" if step.r_squared is None else "not reliable",
            "x": column,
            "y": (len(info.groups) - 1) / 2,
            **look,
        }
        for column, step in enumerate(info.steps)
        if not step.is_reliable
    ]


def _cells(info: ImportanceInfo) -> go.Heatmap:
    """The steps that say something, with their numbers."""
    values = [
        [step.points[group] if step.is_reliable else None for step in info.steps]
        for group in info.groups
    ]
    largest = max((abs(each) for row in values for each in row if each is not None), default=0.0)
    text = "points for 1 sd more growth at equal size"
    title = {"text": text, "side": "top", "font": {"size": 12}}
    bar = {"title": title, "orientation": "h", "thickness": 12, "len": 1, "outlinewidth": 0}
    return _heatmap(
        info,
        z=values,
        texttemplate="%{text}" if len(info.steps) <= MOST_NUMBERED else None,
        textfont={"size": 11 if len(info.steps) <= MOST_NUMBERED / 2 else 9},
        text=[[_signed(each) for each in row] for row in values],
        colorscale=DIVERGING_SCALE,
        zmin=-(largest or 1),
        zmax=largest or 1,
        colorbar={**bar, "y": 1, "yanchor": "bottom"},
    )


def _grey_cells(info: ImportanceInfo) -> go.Heatmap:
    """The steps that say nothing."""
    grey = [[0, UNRELIABLE_COLOUR], [1, UNRELIABLE_COLOUR]]
    row = [None if step.is_reliable else 0 for step in info.steps]
    return _heatmap(info, z=[row] * len(info.groups), colorscale=grey, showscale=False)


def _heatmap(info: ImportanceInfo, **settings: Any) -> go.Heatmap:
    """A column for each step; where a value is None, what is below can be seen and asked."""
    return go.Heatmap(
        x=list(range(len(info.steps))),
        y=list(range(len(info.groups))),
        xgap=2,
        ygap=1,
        hoverongaps=False,
        hovertext=[[_hover(step, group) for step in info.steps] for group in info.groups],
        hoverinfo="text",
        **settings,
    )


def _signed(points: float | None) -> str:
    if points is None:
        return ""
    return f"{points:+.2f}".replace("-", "−") if round(points, 2) else "0.00"


def _hover(step: StepImportance, group: str) -> str:
    lines = [f"<b>{escape(group)}</b>, step {step.step}, {step.screens} screens"]
    if step.r_squared is None:
        return "<br>".join([*lines, "too few screens"])
    points = step.points[group]
    doubt = "" if step.is_reliable else ": not reliable"
    lines.append("cannot be told from size" if points is None else f"{_signed(points)} points")
    return "<br>".join([*lines, f"R² {step.r_squared:.2f}{doubt}"])
