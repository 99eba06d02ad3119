"""What the pages of plantnas have in common: their templates, and plots made ready for them.

A page works offline, with everything that it needs inside. What each says is elsewhere: a study's
in page.py, a comparison's in `plantnas.report.comparison.page`.
"""

import re
from functools import cache
from html import escape, unescape
from typing import Any, NamedTuple

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from plantnas.measured import Metric

TITLE_HEIGHT = 36
"""Pixels above a figure that its title takes."""


class DrawnPlot(NamedTuple):
    """A plot as a page has it: once it is drawn, either a figure or a problem is not empty.

    Attributes:
        name: Its anchor.
        title: Its heading.
        words: What to read from it.
        caption: What the figure's own title says; the page writes it above the figure, where a
            narrow screen breaks its lines.
        figure: As JSON.
        problem: Why there is none.
        is_defect: The problem is plantnas's own, and not what the study holds.
    """

    name: str
    title: str
    words: str
    caption: str = ""
    figure: str = ""
    problem: str = ""
    is_defect: bool = False

    def holding(self, figure: go.Figure, name: str = "") -> "DrawnPlot":
        """The plot with a figure, whose title becomes the caption.

        Args:
            figure: Loses its title.
            name: Is left out where the title begins with it; the page has it above.
        """
        title = figure.layout.title.text or ""
        for prefix in (name, escape(name)):
            title = title.removeprefix(f"{prefix}: ")
        top = figure.layout.margin.t or 60
        figure.update_layout(title=None, margin_t=max(top - TITLE_HEIGHT, 10))
        return self._replace(caption=plain_text(title), figure=figure.to_json())


def plain_text(title: str) -> str:
    """A title of plotly, which knows a few tags and entities, without them."""
    return unescape(re.sub(r"<[^<>]*>", " ", title)).strip()


def rendered(template: str, **values: Any) -> str:
    """A page as HTML, with plotly's script in it once.

    Args:
        template: Its file in templates/.
        values: What the template asks for; all of it is text, and never markup.
    """
    return _templates().get_template(template).render(plotly=Markup(get_plotlyjs()), **values)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("plantnas.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "percent": _percent,
        "figure": _figure,
        "points": _points,
        "script": _script,
    }
    return templates


def _percent(share: float | None, digits: int = 2) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


def _figure(value: float | None, metric: Metric) -> str:
    return "" if value is None else metric.figure(value)


def _points(difference: float | None, metric: Metric) -> str:
    if difference is None:
        return ""
    return f"{'' if difference < 0 else '+'}{metric.figure(difference)}"


def _script(json: str) -> Markup:
    """JSON as the content of a script element: it has nothing that ends it or is a comment."""
    return Markup(json.replace("</", r"<\/").replace("<!", r"\u003c!"))
