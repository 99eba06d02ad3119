"""How plots look: one marker a method, the same in every plot, and one layout. No data here.

Colours are those of Okabe and Ito and of Paul Tol, which colour-blind readers tell apart; a method
has a symbol of its own too, so that a print in grey can be read.
"""

from collections.abc import Sequence
from hashlib import sha256
from math import floor, log10
from typing import Any, NamedTuple

import plotly.graph_objects as go

from plantnas.report.front import FAMILY, FINISH, PLANTING

PLANTING_COLOUR = "#0072B2"
SCREENED_COLOUR = "#999999"
TEACHER_COLOUR = "#D55E00"
SEED_COLOUR = "#009E73"
ACCURACY_SCALE = "Cividis"
"""The scale of accuracies and other quantities that are shown by colour."""
STEP_COLOURS = ("#9ecae1", "#4292c6", "#08519c", "#56B4E9", "#332288", "#88CCEE", "#44AA99")
"""The first step's, the second's ...; beyond the last they begin again."""


class Look(NamedTuple):
    """Colour and symbol of a marker."""

    colour: str
    symbol: str


LOOKS = {
    PLANTING: Look(PLANTING_COLOUR, "circle"),
    "seed": Look(SEED_COLOUR, "diamond"),
    "teacher": Look(TEACHER_COLOUR, "star"),
    FINISH: Look("#004488", "star-triangle-up"),
    FAMILY: Look("#004488", "star-triangle-down"),
    "l1": Look("#E69F00", "square"),
    "bn-scale": Look("#56B4E9", "triangle-up"),
    "fpgm": Look("#CC79A7", "triangle-down"),
    "taylor": Look("#000000", "cross"),
    "group-norm": Look("#882255", "pentagon"),
    "random": Look("#999933", "x"),
    "scratch": Look("#44AA99", "hexagon"),
    "uniform": Look("#332288", "bowtie"),
    "reconstruct": Look("#DDCC77", "hourglass"),
    "slimmable": Look("#88CCEE", "square-cross"),
    "unfrozen": Look("#D55E00", "circle"),
    "search": Look("#AA4499", "hexagram"),
}
FIRST = (PLANTING, "seed", "teacher", FINISH, FAMILY)
"""The methods that are no baselines, as legends have them."""
OTHER_COLOURS = ("#117733", "#661100", "#6699CC", "#AA4466", "#4477AA", "#228833", "#BBAA33")
OTHER_SYMBOLS = ("diamond-tall", "diamond-wide", "star-square", "star-diamond", "octagon")
"""Looks of the methods not in the table, each chosen by its name, the same in every plot."""


def marker(method: str, size: int = 9) -> dict[str, Any]:
    """A method's plotly marker.

    The colour and the symbol are those of what it does; it is open if it learns from labels alone,
    has a dot if it goes in several rounds, and is turned if it ranks all layers together.
    """
    words, variants = method.split("-"), set[str]()
    while words and words[-1] in ("kd", "iterative", "global"):
        variants.add(words.pop())  # `l1-global-kd` is of the family `l1`
    family = "-".join(words)
    look = LOOKS.get(family)
    if look is None:  # the same for a name in all plots
        number = int.from_bytes(sha256(family.encode()).digest()[:4])
        colour = OTHER_COLOURS[number % len(OTHER_COLOURS)]
        look = Look(colour, OTHER_SYMBOLS[number % len(OTHER_SYMBOLS)])
    symbol = look.symbol
    if family not in FIRST and "kd" not in variants:
        symbol += "-open"
    if "iterative" in variants:
        symbol += "-dot"
    turned = {"angle": 45} if "global" in variants else {}
    return {"color": look.colour, "symbol": symbol, "size": size, **turned}


def in_legend_order(methods: Sequence[str]) -> list[str]:
    """Each once: planting, seed, teacher and finished first, then the others by name."""
    rest = sorted(set(methods) - set(FIRST))
    return [*(method for method in FIRST if method in methods), *rest]


def step_colour(step: int) -> str:
    """The colour of a step, from 1; the seed's is its own."""
    return SEED_COLOUR if step == 0 else STEP_COLOURS[(step - 1) % len(STEP_COLOURS)]


def lay_out(figure: go.Figure, title: str, height: int = 520) -> go.Figure:
    """The common layout: white, with a grid, the legend below where it can be as long as it is."""
    figure.update_layout(
        title={"text": title, "x": 0.01, "xanchor": "left"},
        template="simple_white",
        height=height,
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        margin={"l": 70, "r": 30, "t": 60, "b": 60},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(showgrid=True, automargin=True)
    figure.update_yaxes(showgrid=True, automargin=True)
    return figure


def legend_at_bottom(figure: go.Figure, room: int = 110) -> go.Figure:
    """Leaves pixels for the legend below the axis' title; entries are in the order of traces."""
    return figure.update_layout(legend_traceorder="normal", margin_b=room)


def say_empty(figure: go.Figure, why: str) -> go.Figure:
    """A line in the middle of a plot that has nothing to show yet."""
    figure.add_annotation(
        text=why, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"size": 15}
    )
    return figure


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """Settings of a logarithmic axis with round ticks: 0.5, 1, 2, 5; or 1 k, 2 k, 5 k ..."""
    tick_format = "~g" if min(values, default=1) < 1 else "~s"
    return {"type": "log", "tickvals": round_numbers(values), "tickformat": tick_format}


class TimeUnit(NamedTuple):
    """A unit of an axis of time.

    Attributes:
        name: In the plural, as axes have it.
        seconds: How many one of it has.
    """

    name: str
    seconds: float


def time_unit(longest: float) -> TimeUnit:
    """The unit of an axis that reaches so many seconds."""
    if longest < 180:
        return TimeUnit("seconds", 1.0)
    return TimeUnit("minutes", 60.0) if longest < 3 * 3600 else TimeUnit("hours", 3600.0)


def duration(seconds: float) -> str:
    """A duration as one says it: 0.04 s, 8.1 s, 10 min 21 s, 3 h 5 min."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def round_numbers(values: Sequence[float]) -> list[float]:
    """1, 2 and 5 times the powers of ten that the values reach."""
    positive = [value for value in values if value > 0]
    if not positive:
        return []
    low, high = (floor(log10(value)) for value in (min(positive), max(positive)))
    return [digit * 10.0**exponent for exponent in range(low, high + 1) for digit in (1, 2, 5)]
