"""Which groups' planting raised accuracy, step by step, from what ranks plantings alone.

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

A study with probes has many more of them than screens, and none that was chosen by another one, so
they are read instead. What a value then says is by how many per cent the loss without training is
lower.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from math import isfinite, log
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from plantnas.grouping import grouped
from plantnas.records.optuna_tables import (
    HELD_BACK_LOSS_KEY,
    PARAMETERS_KEY,
    PARENT_KEY,
    STEP_KEY,
    WIDTHS_KEY,
)
from plantnas.report.entries import accuracy_on
from plantnas.report.finished_trials import is_complete_probe
from plantnas.report.front import PLANTING, metric_of
from plantnas.report.plotting.styles import lay_out, say_empty
from plantnas.report.study_data import StudyData

LEAST_SCREENS = 4
ALPHAS = np.logspace(0, 4, 13)
"""What the ridge regression chooses from; the last leaves nothing of any group."""
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


class Ranking(NamedTuple):
    """What plantings are ranked by.

    Attributes:
        trials: The trials that do, in the plural.
        unit: That of what they are worth.
    """

    trials: str
    unit: str


SCREENS, PROBES = Ranking("screens", "points"), Ranking("probes", "% less loss")
Families = NDArray[np.int64]
"""The parent's number of each row of a table."""
Table = NDArray[np.float64]
"""A row a planting: log parameters, each group's log growth, and what it is worth."""


class StepImportance(NamedTuple):
    """What a step says of the groups.

    Attributes:
        step: From 1.
        screens: Screened (or probed) plantings that can be compared with another one of the same
            parent.
        r_squared: That of left-out screens, at equal size; None if there are too few screens.
        points: Points of accuracy (or per cent of the loss) by group, for one standard deviation
            more growth at equal size; None where this cannot be told.
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
        name: Name of the study.
        groups: Names of the channel groups, in the order of the network.
        steps: All that have screened plantings.
        ranking: What ranked the plantings.
    """

    name: str
    groups: list[str]
    steps: list[StepImportance]
    ranking: Ranking = SCREENS


class _Ranked(NamedTuple):
    """A planting that was screened or probed."""

    step: int
    parent_id: int | None
    widths: Mapping[str, int]
    parameters: int
    worth: float


def importance_info(recorded: StudyData) -> ImportanceInfo:
    """The data of the plot of importance."""
    screens, ranking = list(_probed(recorded)), PROBES
    if not screens:
        screens, ranking = list(_screened(recorded)), SCREENS
        if (metric := metric_of(recorded.networks)).scale != 100:
            ranking = SCREENS._replace(unit=f"of {metric.words}")
    groups = list(screens[0].widths) if screens else []
    parents = {record.id: record for record in recorded.networks}
    steps = list[StepImportance]()
    by_step = grouped((each.step, each) for each in screens)
    for step, theirs in sorted(by_step.items()):
        siblings = Counter(screen.parent_id for screen in theirs)
        compared = [screen for screen in theirs if siblings[screen.parent_id] > 1]
        if len(compared) < LEAST_SCREENS:
            steps.append(StepImportance(step, len(compared), None, dict.fromkeys(groups)))
            continue
        rows = []
        for screen in compared:
            before = parents[screen.parent_id].widths
            growths = [log(screen.widths[group] / before[group]) for group in groups]
            rows.append([log(screen.parameters), *growths, screen.worth])
        table, families = np.array(rows), np.array([screen.parent_id for screen in compared])
        model = _model(table - _means(table, families, families))
        points = {
            group: float(value) if isfinite(spread) else None
            for group, value, spread in zip(groups, model.points, model.spreads, strict=True)
        }
        steps.append(StepImportance(step, len(compared), _r_squared(table, families), points))
    return ImportanceInfo(recorded.name, groups, steps, ranking)


def _screened(recorded: StudyData) -> Iterator[_Ranked]:
    """The screened plantings, worth their accuracy in per cent, or other metric."""
    scale = metric_of(recorded.networks).scale
    for each in recorded.networks:
        if each.method == PLANTING and each.kind == "screen" and each.step:
            worth = scale * (accuracy_on(each, "validation") or 0.0)
            yield _Ranked(each.step, each.parent_id, each.widths, each.parameters, worth)


def _probed(recorded: StudyData) -> Iterator[_Ranked]:
    """The probed plantings, worth minus a hundred times their log loss."""
    parents: dict[int | str | None, int | None] = {
        "seed" if each.method == "seed" else each.trial_number: each.id
        for each in recorded.networks
        if each.method in ("seed", PLANTING)
    }
    for trial in filter(is_complete_probe, recorded.trials):
        told = trial.user_attrs
        parent_id = parents.get(told[PARENT_KEY])
        if parent_id is not None:
            worth = -100 * log(max(told[HELD_BACK_LOSS_KEY], ROUNDING))
            widths = json.loads(told[WIDTHS_KEY])
            yield _Ranked(told[STEP_KEY], parent_id, widths, told[PARAMETERS_KEY], worth)


def importance_figure(importance: ImportanceInfo) -> go.Figure:
    """A column a step, a row a group, the input at the top; unreliable steps are grey."""
    groups, steps = importance.groups, importance.steps
    figure = lay_out(go.Figure(), f"{escape(importance.name)}: which groups mattered")
    figure.update_layout(height=ROW_PIXELS * max(5, len(groups)) + 250)
    figure.add_traces(list(_heatmaps(importance)))
    labels = []
    for step in steps:
        shown = "–" if step.r_squared is None else f"{step.r_squared:.2f}"
        if step.r_squared is not None and not step.is_reliable:
            shown = "≤ 0"
        # Below one another: their names are left of the first step's.
        labels.append(f"{step.step}<br>{step.screens}<br>{shown}")
    figure.update_xaxes(tickvals=list(range(len(steps))), ticktext=labels, tickangle=0)
    figure.update_xaxes(range=[-0.5, len(steps) - 0.5])
    names = [escape(group) for group in groups]
    figure.update_yaxes(tickvals=list(range(len(groups))), ticktext=names)
    figure.update_yaxes(range=[len(groups) - 0.5, -0.5])
    figure.update_xaxes(showgrid=False, ticks="", visible=bool(steps))
    figure.update_yaxes(showgrid=False, ticks="", visible=bool(steps))
    if not steps:
        return say_empty(figure, "no planting has been screened yet")
    trials = importance.ranking.trials
    figure.add_annotation(
        text=f"step<br>{trials}<br>R²",
        showarrow=False,
        align="right",
        font={"size": 13},
        xref="paper",
        x=0,
        xanchor="right",
        xshift=-4,
        yref="paper",
        y=0,
        yanchor="top",
        yshift=-3,
    )
    for column, step in enumerate(steps):
        if not step.is_reliable:  # why it is grey, in words along its column
            figure.add_annotation(
                text=f"too few {trials}" if step.r_squared is None else "not reliable",
                x=column,
                y=(len(groups) - 1) / 2,
                showarrow=False,
                textangle=-90,
                font={"size": 13, "color": "#555555"},
            )
    return figure


class _Model(NamedTuple):
    """Slopes of all columns on the first; and of the groups the spread and the points."""

    slopes: Table
    spreads: Table
    points: Table


def _model(table: Table) -> _Model:
    """Fits rows from which the parents' means are subtracted."""
    sizes = table[:, 0]
    slopes = sizes @ table / (sizes @ sizes or 1.0)
    left = table - np.outer(sizes, slopes)
    spreads = left[:, 1:-1].std(axis=0)
    spreads[spreads <= LEAST_SPREAD * table[:, 1:-1].std(axis=0) + ROUNDING] = np.inf
    return _Model(slopes, spreads, ridge(np.c_[left[:, 1:-1] / spreads, left[:, -1]]))


def ridge(table: Table) -> Table:
    """Coefficients of a ridge regression of the last column on the others, without an intercept.

    As scikit-learn's RidgeCV finds them, with alpha of ALPHAS by leave-one-out; that takes two
    seconds to import.
    """
    columns, values = table[:, :-1], table[:, -1]
    left, sizes, right = np.linalg.svd(columns, full_matrices=False)
    shares = sizes**2 / (sizes**2 + ALPHAS[:, None])  # that each alpha leaves of a direction
    projected = left.T @ values
    residuals = values - (shares * projected) @ left.T
    left_out = residuals / (1 - shares @ (left**2).T)
    best = (left_out**2).mean(axis=1).argmin()
    kept = sizes > ROUNDING
    along: Table = shares[best][kept] * projected[kept] / sizes[kept]
    coefficients: Table = right[kept].T @ along
    return coefficients


def _r_squared(table: Table, families: Families) -> float:
    """1 for perfect predictions of left-out screens, 0 for those from size alone, or worse."""
    errors = []
    for row in range(len(table)):  # is predicted from the others
        others = np.arange(len(table)) != row
        rest, theirs = table[others], families[others]
        model = _model(rest - _means(rest, theirs, theirs))
        (centred,) = table[[row]] - _means(rest, theirs, families[[row]])
        left = centred - centred[0] * model.slopes
        errors.append((left[-1], left[-1] - left[1:-1] / model.spreads @ model.points))
    by_size, by_groups = (np.array(errors) ** 2).sum(axis=0)
    return float(1 - by_groups / by_size) if by_size > ROUNDING else 0.0


def _means(table: Table, families: Families, which: Families) -> Table:
    """The mean row of each of these families."""
    return np.array([table[families == family].mean(axis=0) for family in which])


def _heatmaps(importance: ImportanceInfo) -> Iterator[go.Heatmap]:
    """The steps that say something, with their numbers, and the grey ones that do not."""
    groups, steps = importance.groups, importance.steps
    common = {
        "x": list(range(len(steps))),
        "y": list(range(len(groups))),
        "xgap": 2,
        "ygap": 1,
        "hoverongaps": False,  # where a value is None, what is below can be seen and asked
        "hovertext": [
            [_hover(step, group, importance.ranking) for step in steps] for group in groups
        ],
        "hoverinfo": "text",
    }
    values = [
        [step.points[group] if step.is_reliable else None for step in steps] for group in groups
    ]
    if any(step.is_reliable for step in steps):
        sizes = [abs(value) for row in values for value in row if value is not None]
        largest = max(sizes, default=0.0) or 1
        text = f"{importance.ranking.unit} for 1 sd more growth at equal size"
        title = {"text": text, "side": "top", "font": {"size": 12}}
        bar = {"title": title, "orientation": "h", "thickness": 12, "len": 1, "outlinewidth": 0}
        yield go.Heatmap(
            z=values,
            texttemplate="%{text}" if len(steps) <= MOST_NUMBERED else None,
            textfont={"size": 11 if len(steps) <= MOST_NUMBERED / 2 else 9},
            text=[[_signed(value) for value in row] for row in values],
            colorscale=DIVERGING_SCALE,
            zmin=-largest,
            zmax=largest,
            colorbar={**bar, "y": 1, "yanchor": "bottom"},
            **common,
        )
    if not all(step.is_reliable for step in steps):
        grey = [[0, UNRELIABLE_COLOUR], [1, UNRELIABLE_COLOUR]]
        row = [None if step.is_reliable else 0 for step in steps]
        yield go.Heatmap(z=[row] * len(groups), colorscale=grey, showscale=False, **common)


def _signed(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0.00"


def _hover(verdict: StepImportance, group: str, ranking: Ranking) -> str:
    lines = [f"<b>{escape(group)}</b>, step {verdict.step}, {verdict.screens} {ranking.trials}"]
    if verdict.r_squared is None:
        return "<br>".join([*lines, f"too few {ranking.trials}"])
    points = verdict.points[group]
    doubt = "" if verdict.is_reliable else ": not reliable"
    lines.append(
        "cannot be told from size" if points is None else f"{_signed(points)} {ranking.unit}"
    )
    return "<br>".join([*lines, f"R² {verdict.r_squared:.2f}{doubt}"])
