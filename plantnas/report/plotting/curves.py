"""Loss and accuracy by epoch of a lineage: the seed's training, then each step's. Nothing else."""

from collections.abc import Sequence
from html import escape
from math import isfinite
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from plantnas.errors import StudyError
from plantnas.measured import ACCURACY, Epoch, Metric
from plantnas.report.entries import accuracy_on
from plantnas.report.front import PLANTING, lineage, metric_of, winning_lineage
from plantnas.report.plotting.styles import (
    TEACHER_COLOUR,
    lay_out,
    legend_at_bottom,
    round_numbers,
    say_empty,
    step_colour,
)
from plantnas.report.study_data import StudyData

LARGE_SPAN = 5
"""If the largest loss is more times the smallest, their axis is logarithmic."""
BAND_COLOURS = ("#f0f0f0", "#ffffff")
ROOM_FOR_A_LABEL = 0.11
"""The least share of all epochs at which a step's label stands upright on a phone."""
ROOM_FOR_A_TURNED_LABEL = 0.05
"""The least share of a label that is turned by 90 degrees; a narrower step has none."""


class CurvesStep(NamedTuple):
    """The training of one network of the lineage.

    Attributes:
        step: 0 for the seed.
        network_id: The network's.
        parameters: Its number of them.
        before: Epochs of its ancestors, which came before its own first one.
        epochs: Its own, in order.
    """

    step: int
    network_id: int
    parameters: int
    before: int
    epochs: tuple[Epoch, ...]

    @property
    def name(self) -> str:
        """What the legend calls it."""
        return f"step {self.step}" if self.step else "seed"


class CurvesInfo(NamedTuple):
    """What the plot of curves shows.

    Attributes:
        name: Name of the study.
        network_id: The last network of the lineage; None if there is no network yet.
        steps: From the seed on; only networks with recorded epochs.
        teacher_accuracy: On validation, 0 to 1; None where it was not evaluated.
        metric: What the accuracies are.
    """

    name: str
    network_id: int | None
    steps: list[CurvesStep]
    teacher_accuracy: float | None
    metric: Metric = ACCURACY

    @property
    def epochs(self) -> int:
        """Epochs of the whole lineage."""
        return self.steps[-1].before + len(self.steps[-1].epochs) if self.steps else 0


def curves_info(recorded: StudyData, network_id: int | None = None) -> CurvesInfo:
    """The data of the plot.

    Args:
        recorded: The study.
        network_id: The seed or a planted network; None stands for the most accurate planted
            network on the front, or for the seed if none is planted yet.

    Raises:
        StudyError: The study has no such network, or it has no lineage.
    """
    networks = recorded.networks
    if network_id is None:
        seed = [record for record in networks if record.method == "seed"]
        last = next(reversed(winning_lineage(networks) or seed), None)
    else:
        allowed = {each.id: each for each in networks if each.method in ("seed", PLANTING)}
        last = allowed.get(network_id)
        if last is None:
            grown = [str(each.id) for each in allowed.values() if each.kind != "screen"]
            raise StudyError(
                f"study {recorded.name!r}: network {network_id} is neither its seed nor planted, "
                f"so it has no lineage; seed and grown networks: {', '.join(grown) or 'none yet'}."
            )
    teacher = accuracy_on(recorded.teacher, "validation") if recorded.teacher else None
    metric = metric_of(networks)
    if last is None:
        return CurvesInfo(recorded.name, None, [], teacher, metric)
    steps, before = list[CurvesStep](), 0
    for record in lineage(networks, last):
        if record.epochs:
            assert record.id is not None
            size = record.parameters
            steps.append(CurvesStep(record.step or 0, record.id, size, before, record.epochs))
        before += len(record.epochs)
    return CurvesInfo(recorded.name, last.id, steps, teacher, metric)


def curves_figure(curves: CurvesInfo) -> go.Figure:
    """Losses above, accuracy below; a band and a colour for each step."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    losses, metric = list[float](), curves.metric
    for step in curves.steps:
        training = [epoch.training_loss for epoch in step.epochs]
        validation = [epoch.validation_loss for epoch in step.epochs]
        values = [metric.scale * epoch.validation_accuracy for epoch in step.epochs]
        losses += [*training, *validation]
        # A line of one value, which is none, needs its marker.
        mode = "lines" if len(training) > 1 else "lines+markers"
        dashed = _trace(step, training, metric, mode, "dash", showlegend=False)
        figure.add_trace(dashed, row=1, col=1)
        figure.add_trace(_trace(step, validation, metric, showlegend=True), row=1, col=1)
        figure.add_trace(_trace(step, values, metric, showlegend=False), row=2, col=1)
    if curves.steps and curves.teacher_accuracy is not None:
        level = metric.scale * curves.teacher_accuracy
        figure.add_scatter(
            x=[0.5, curves.epochs + 0.5],
            y=[level, level],
            mode="lines",
            line={"color": TEACHER_COLOUR, "dash": "dot", "width": 2},
            name="teacher",
            hovertext=f"teacher: validation {metric.words} {metric.text(curves.teacher_accuracy)}",
            hoverinfo="text",
            row=2,
            col=1,
        )
    whose = "" if curves.network_id is None else f" to network {curves.network_id}"
    lay_out(figure, f"{escape(curves.name)}: from seed{whose}", 680)
    legend_at_bottom(figure)
    _add_bands(figure, curves)
    figure.update_yaxes(title="loss (training dashed)", **_loss_axis(losses), row=1, col=1)
    figure.update_yaxes(title=f"validation {metric.title}", row=2, col=1)
    figure.update_xaxes(range=[0.5, curves.epochs + 0.5], showgrid=False)
    figure.update_xaxes(title="epochs since the seed's first", row=2, col=1)
    if not curves.steps:
        say_empty(figure, "no epoch of a seed or a planted network has been recorded yet")
    return figure


def _trace(
    training: CurvesStep,
    values: Sequence[float],
    metric: Metric,
    mode: str = "lines+markers",
    dash: str = "solid",
    **rest: Any,
) -> go.Scatter:
    """A line by epoch, with a gap where a value is not a number."""
    name, before, count = training.name, training.before, len(values)
    network = f"network {training.network_id}, {training.parameters:,} parameters"
    return go.Scatter(
        x=list(range(before + 1, before + count + 1)),
        y=values,
        mode=mode,
        line={"color": step_colour(training.step), "dash": dash, "width": 2},
        marker={"size": 4},
        name=name,
        legendgroup=name,
        hovertext=[
            f"<b>{name}</b>: {network}<br>"
            f"epoch {number} of {count}, {before + number} since the seed's first<br>"
            f"learning rate {epoch.learning_rate:.3g}<br>"
            f"training loss {epoch.training_loss:.4f}, "
            f"validation loss {epoch.validation_loss:.4f}<br>"
            f"validation {metric.words} {metric.text(epoch.validation_accuracy)}"
            for number, epoch in enumerate(training.epochs, 1)
        ],
        hoverinfo="text",
        **rest,
    )


def _add_bands(figure: go.Figure, curves: CurvesInfo) -> None:
    """A band over both panels for each step, with its label where there is room.

    All labels are turned, if one step is too narrow for its own.
    """
    narrowest = min((len(step.epochs) for step in curves.steps), default=0)
    are_turned = narrowest < ROOM_FOR_A_LABEL * curves.epochs
    title = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 18}}
    figure.update_layout(margin_t=125 if are_turned else 85, title=title)
    for number, step in enumerate(curves.steps):
        figure.add_shape(
            type="rect",
            xref="x",
            yref="paper",
            x0=step.before + 0.5,
            x1=step.before + len(step.epochs) + 0.5,
            y0=0,
            y1=1,
            fillcolor=BAND_COLOURS[number % 2],
            line_width=0,
            opacity=1,
            layer="below",
        )
        if len(step.epochs) >= ROOM_FOR_A_TURNED_LABEL * curves.epochs:
            figure.add_annotation(
                text=f"{step.name}{': ' if are_turned else '<br>'}{_short(step.parameters)}",
                x=step.before + 0.5 + len(step.epochs) / 2,
                y=1,
                yref="paper",
                yanchor="bottom",
                textangle=-90 if are_turned else 0,
                showarrow=False,
                font={"size": 10},
            )


def _short(count: int) -> str:
    """1,280 as 1.3k, and 26,658 as 27k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f}{letter}"
    return str(count)


def _loss_axis(losses: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis with round ticks if the seed's losses are many times the last step's."""
    positive = [loss for loss in losses if isfinite(loss) and loss > 0]
    low, high = min(positive, default=1.0), max(positive, default=1.0)
    if high <= LARGE_SPAN * low:
        return {}
    ticks = round_numbers(positive)
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
