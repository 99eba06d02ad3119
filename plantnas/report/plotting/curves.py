"""Loss and accuracy by epoch of a lineage: the seed's training, then each step's. Nothing else."""

from collections.abc import Sequence
from html import escape
from math import isfinite
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from plantnas.errors import StudyError
from plantnas.measured import Epoch
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import accuracy_on
from plantnas.report.front import (
    PLANTING,
    lineage,
    winning_lineage,
)
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
"""Likewise of a label that is turned by 90 degrees; a narrower step has none."""


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
        """In the legend."""
        return f"step {self.step}" if self.step else "seed"


class CurvesInfo(NamedTuple):
    """What the plot of curves shows.

    Attributes:
        study: Name of the study.
        network_id: The last network of the lineage; None if there is no network yet.
        steps: From the seed on; only networks with recorded epochs.
        teacher_accuracy: On validation, 0 to 1; None where it was not evaluated.
    """

    study: str
    network_id: int | None
    steps: list[CurvesStep]
    teacher_accuracy: float | None

    @property
    def epochs(self) -> int:
        """Of the whole lineage."""
        return self.steps[-1].before + len(self.steps[-1].epochs) if self.steps else 0


def curves_info(data: StudyData, network_id: int | None = None) -> CurvesInfo:
    """The data of the plot.

    Args:
        data: The study.
        network_id: The seed or a planted network; None stands for the most accurate planted
            network on the front, or for the seed if none is planted yet.

    Raises:
        StudyError: The study has no such network, or it has no lineage.
    """
    last = _best(data) if network_id is None else _asked(data, network_id)
    teacher = accuracy_on(data.teacher, "validation") if data.teacher else None
    if last is None:
        return CurvesInfo(data.name, None, [], teacher)
    return CurvesInfo(data.name, last.id, _steps(lineage(data.networks, last)), teacher)


def curves_figure(info: CurvesInfo) -> go.Figure:
    """Losses above, accuracy below; a band and a colour for each step."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for step in info.steps:
        for trace, row in ((_training(step), 1), (_validation(step), 1), (_accuracy(step), 2)):
            figure.add_trace(trace, row=row, col=1)
    if info.steps and info.teacher_accuracy is not None:
        figure.add_trace(_teacher(info.teacher_accuracy, info.epochs), row=2, col=1)
    whose = "" if info.network_id is None else f" to network {info.network_id}"
    lay_out(figure, f"{escape(info.study)}: from seed{whose}", 680)
    top = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 18}}
    legend_at_bottom(figure).update_layout(margin_t=125 if _are_turned(info) else 85, title=top)
    _add_bands(figure, info)
    figure.update_yaxes(title="loss (training dashed)", **_loss_axis(info.steps), row=1, col=1)
    figure.update_yaxes(title="validation accuracy (%)", row=2, col=1)
    figure.update_xaxes(range=[0.5, info.epochs + 0.5], showgrid=False)
    figure.update_xaxes(title="epochs since the seed's first", row=2, col=1)
    if not info.steps:
        say_empty(figure, "no epoch of a seed or a planted network has been recorded yet")
    return figure


def _best(data: StudyData) -> NetworkRecord | None:
    seed = [network for network in data.networks if network.method == "seed"]
    return next(reversed(winning_lineage(data.networks) or seed), None)


def _asked(data: StudyData, network_id: int) -> NetworkRecord:
    allowed = {each.id: each for each in data.networks if each.method in ("seed", PLANTING)}
    if network_id in allowed:
        return allowed[network_id]
    grown = [str(each.id) for each in allowed.values() if each.kind != "screen"]
    raise StudyError(
        f"study {data.name!r}: network {network_id} is neither its seed nor planted, so it has no "
        f"lineage; seed and grown networks: {', '.join(grown) or 'none yet'}."
    )


def _steps(line: Sequence[NetworkRecord]) -> list[CurvesStep]:
    steps, before = list[CurvesStep](), 0
    for network in line:
        if network.epochs:
            assert network.id is not None
            size = network.parameters
            steps.append(CurvesStep(network.step or 0, network.id, size, before, network.epochs))
        before += len(network.epochs)
    return steps


def _training(step: CurvesStep) -> go.Scatter:
    # A line of one value, which is none, needs its marker.
    mode = "lines" if len(step.epochs) > 1 else "lines+markers"
    return _trace(step, [epoch.training_loss for epoch in step.epochs], dash="dash", mode=mode)


def _validation(step: CurvesStep) -> go.Scatter:
    return _trace(step, [epoch.validation_loss for epoch in step.epochs], legend=True)


def _accuracy(step: CurvesStep) -> go.Scatter:
    return _trace(step, [100 * epoch.validation_accuracy for epoch in step.epochs])


def _trace(
    step: CurvesStep,
    values: Sequence[float],
    *,
    dash: str = "solid",
    mode: str = "lines+markers",
    legend: bool = False,
) -> go.Scatter:
    """A line with a gap where a value is not a number."""
    return go.Scatter(
        x=[step.before + number for number in range(1, len(values) + 1)],
        y=values,
        mode=mode,
        line={"color": step_colour(step.step), "dash": dash, "width": 2},
        marker={"size": 4},
        name=step.name,
        legendgroup=step.name,
        showlegend=legend,
        hovertext=[_hover(step, number) for number in range(1, len(values) + 1)],
        hoverinfo="text",
    )


def _hover(step: CurvesStep, number: int) -> str:
    epoch = step.epochs[number - 1]
    lines = [
        f"<b>{step.name}</b>: network {step.network_id}, {step.parameters:,} parameters",
        f"epoch {number} of {len(step.epochs)}, {step.before + number} since the seed's first",
        f"learning rate {epoch.learning_rate:.3g}",
        f"training loss {epoch.training_loss:.4f}, validation loss {epoch.validation_loss:.4f}",
        f"validation accuracy {100 * epoch.validation_accuracy:.2f} %",
    ]
    return "<br>".join(lines)


def _teacher(accuracy: float, epochs: int) -> go.Scatter:
    return go.Scatter(
        x=[0.5, epochs + 0.5],
        y=[100 * accuracy] * 2,
        mode="lines",
        line={"color": TEACHER_COLOUR, "dash": "dot", "width": 2},
        name="teacher",
        hovertext=f"teacher: validation accuracy {100 * accuracy:.2f} %",
        hoverinfo="text",
    )


def _loss_axis(steps: Sequence[CurvesStep]) -> dict[str, Any]:
    """Logarithmic with round ticks if the seed's losses are many times those of the last step."""
    epochs = [epoch for step in steps for epoch in step.epochs]
    losses = [loss for each in epochs for loss in (each.training_loss, each.validation_loss)]
    positive = [loss for loss in losses if isfinite(loss) and loss > 0]
    low, high = min(positive, default=1.0), max(positive, default=1.0)
    if high <= LARGE_SPAN * low:
        return {}
    ticks = round_numbers(positive)
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _add_bands(figure: go.Figure, info: CurvesInfo) -> None:
    """A band over both panels for each step, with its label where there is room."""
    turned = _are_turned(info)
    for number, step in enumerate(info.steps):
        look = {"fillcolor": BAND_COLOURS[number % 2], "line_width": 0, "opacity": 1}
        ends = {"x0": step.before + 0.5, "x1": step.before + len(step.epochs) + 0.5}
        band = {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, **ends}
        figure.add_shape(**band, **look, layer="below")
        if len(step.epochs) >= ROOM_FOR_A_TURNED_LABEL * info.epochs:
            _add_label(figure, step, turned)


def _are_turned(info: CurvesInfo) -> bool:
    """All labels are, if one step is too narrow for its own."""
    return any(len(step.epochs) < ROOM_FOR_A_LABEL * info.epochs for step in info.steps)


def _add_label(figure: go.Figure, step: CurvesStep, turned: bool) -> None:
    figure.add_annotation(
        text=f"{step.name}{': ' if turned else '<br>'}{_short(step.parameters)}",
        x=step.before + 0.5 + len(step.epochs) / 2,
        y=1,
        yref="paper",
        yanchor="bottom",
        textangle=-90 if turned else 0,
        showarrow=False,
        font={"size": 10},
    )


def _short(count: int) -> str:
    """1,280 as 1.3k, and 26,658 as 27k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f}{letter}"
    return str(count)
