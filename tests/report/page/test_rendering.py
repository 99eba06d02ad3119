"""A figure gets into a page without its title, and nothing that a page says is markup."""

import json

import plotly.graph_objects as go
import pytest

from plantnas.report.comparison.verdict import Verdict
from plantnas.report.page.rendering import DrawnPlot, plain_text, rendered

PLOT = DrawnPlot("any", "Any", "Words.")
EVIL = """<b>&"'</script><img src=x><!--"""


def comparison(studies: str, plot: DrawnPlot) -> str:
    return rendered(
        "comparison.html", studies=studies, verdict=Verdict(), text_columns=(), plots=[plot]
    )


def test_the_title_is_moved_out_of_the_figure() -> None:
    figure = go.Figure(layout_title_text="all of it", layout_margin_t=60)
    drawn = PLOT.holding(figure)
    assert drawn.caption == "all of it"
    layout = json.loads(drawn.figure)["layout"]
    assert "text" not in layout.get("title", {})
    assert layout["margin"]["t"] < 60


@pytest.mark.parametrize("shown", ["a & b", "a &amp; b"])
def test_a_title_loses_the_name_of_its_study(shown: str) -> None:
    drawn = PLOT.holding(go.Figure(layout_title_text=f"{shown}: all of it"), "a & b")
    assert drawn.caption == "all of it"


def test_a_title_is_plain_text_without_tags_and_entities() -> None:
    assert plain_text("<b>a &amp; b</b><br>&lt;c&gt;") == "a & b  <c>"


def test_a_caption_that_repeats_the_heading_is_left_out() -> None:
    page = comparison("a", PLOT.holding(go.Figure(layout_title_text="any")))
    assert '<p class="caption">' not in page


def test_a_plot_without_a_figure_says_why() -> None:
    page = comparison("a", PLOT._replace(problem="There are no networks."))
    assert '<p class="problem" role="note">There are no networks.</p>' in page


def test_names_are_text_and_never_markup() -> None:
    page = comparison(EVIL, PLOT.holding(go.Figure(layout_title_text="x")))
    assert EVIL not in page
    assert "&lt;b&gt;&amp;&#34;&#39;&lt;/script&gt;&lt;img src=x&gt;&lt;!--" in page


def test_a_figure_does_not_end_its_script() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[1], name="</script><img src=x><!--"))
    page = comparison("a", PLOT.holding(figure))
    assert "<img src=x>" not in page.partition('id="figure-any"')[2].partition("</script>")[2]
    embedded = page.partition('id="figure-any">')[2].partition("</script>")[0]
    assert json.loads(embedded)["data"][0]["name"] == "</script><img src=x><!--"
