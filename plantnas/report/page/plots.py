"""The plots of the report page in the order of its reader's questions, each with how to read it.

How each is made is in plotting/, how they get into a page in rendering.py.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import plotly.graph_objects as go

from plantnas.errors import PlantnasError
from plantnas.report.front import metric_of
from plantnas.report.page.rendering import DrawnPlot
from plantnas.report.plotting.cost import cost_figure, cost_info
from plantnas.report.plotting.curves import curves_figure, curves_info
from plantnas.report.plotting.hypervolume import hypervolume_figure, hypervolume_info
from plantnas.report.plotting.importance import importance_figure, importance_info
from plantnas.report.plotting.lineage import lineage_figure, lineage_info
from plantnas.report.plotting.pareto import pareto_figure, pareto_info
from plantnas.report.plotting.timeline import timeline_figure, timeline_info
from plantnas.report.plotting.widths import widths_figure, widths_info
from plantnas.report.study_data import StudyData


class PagePlot(NamedTuple):
    """A plot of the page.

    Attributes:
        name: As in `plantnas plot NAME`; also its anchor.
        title: Its heading, with the places of the metric's name and of the cost's title.
        words: What to read from it, likewise.
        make: Draws it as of a moment.
    """

    name: str
    title: str
    words: str
    make: Callable[[StudyData, datetime], go.Figure]


PARETO = PagePlot(
    "pareto",
    "{metric} against {cost}",
    "Up and to the left is better: accurate and cheap. The line joins the most accurate planted "
    "network to those that it was grown from; faint grey points were only screened, trained for "
    "a short time to compare plantings.",
    lambda data, now: pareto_figure(pareto_info(data)),
)
COSTS = (
    PagePlot(
        "hypervolume",
        "What the search had found by then",
        "Higher is a better set of networks to choose from, by trials and by seconds of training. "
        "A line that is flat at its end says that more of the same would have found little.",
        lambda data, now: hypervolume_figure(hypervolume_info(data)),
    ),
    PagePlot(
        "cost",
        "Where the seconds went",
        "Compare what a step took to screen its plantings with what it took to grow the winner: "
        "the first is the price of searching for widths.",
        lambda data, now: cost_figure(cost_info(data)),
    ),
)
LAYERS = (
    PagePlot(
        "lineage",
        "Which network was planted from which",
        "Each network stands one step to the right of its parent; the thick line is the lineage of "
        "the most accurate planted one. Siblings of one colour say that the choice mattered "
        "little.",
        lambda data, now: lineage_figure(lineage_info(data)),
    ),
    PagePlot(
        "widths",
        "What was planted where",
        "Long bars are channel groups that the search made nearly as wide as the teacher's, short "
        "ones those that did with few channels.",
        lambda data, now: widths_figure(widths_info(data)),
    ),
    PagePlot(
        "importance",
        "Which groups' channels raised {metric}",
        "How much validation {metric} rose with the channels of a group among a step's screens, or "
        "how much the loss without training fell among its probes, at equal size. It is read from "
        "few and short trainings, or from none: take it as a hint, and nothing from what is marked "
        "as not reliable.",
        lambda data, now: importance_figure(importance_info(data)),
    ),
)
TRUST = (
    PagePlot(
        "curves",
        "Loss and {metric} by epoch",
        "A validation loss that still falls at the end of a step asks for more epochs; one that "
        "rises while the training loss falls says that the network overfits.",
        lambda data, now: curves_figure(curves_info(data)),
    ),
    PagePlot(
        "timeline",
        "What each worker did",
        "Gaps between the bars are time that a worker waited. Many failed or refused trials are a "
        "reason to look into the study before its networks are used.",
        lambda data, now: timeline_figure(timeline_info(data, now)),
    ),
)
PAGE_PLOTS = (PARETO, *COSTS, *LAYERS, *TRUST)


def drawn_plots(recorded: StudyData, now: datetime) -> dict[str, DrawnPlot]:
    """All plots of the page by name; one that cannot be made says why, and the others are."""
    return {plot.name: drawn(plot, recorded, now) for plot in PAGE_PLOTS}


def drawn(plot: PagePlot, recorded: StudyData, now: datetime) -> DrawnPlot:
    """A plot, or why there is none."""
    metric, cost = metric_of(recorded.networks).words, recorded.cost_title
    title, words = (text.format(metric=metric, cost=cost) for text in (plot.title, plot.words))
    shown = DrawnPlot(plot.name, title[0].upper() + title[1:], words)
    try:
        return shown.holding(plot.make(recorded, now), recorded.name)
    except PlantnasError as error:
        return shown._replace(problem=str(error))
    except Exception as error:  # the reader of a page wants the rest of it, and to know
        return shown._replace(
            problem=f"This plot failed: {type(error).__name__}: {error}. That is a defect of "
            "plantnas; nothing else on this page depends on it.",
            is_defect=True,
        )
