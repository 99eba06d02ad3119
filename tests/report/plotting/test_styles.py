"""A method looks the same everywhere, and like no other."""

from itertools import pairwise

import plotly.graph_objects as go
import pytest

from plantnas.baselines.methods import METHODS
from plantnas.report.plotting.styles import (
    OTHER,
    in_legend_order,
    lay_out,
    log_axis,
    marker,
    say_empty,
    step_colour,
)


def test_no_two_methods_look_the_same() -> None:
    names = [*METHODS, "planting", "seed", "teacher"]
    looks = {tuple(sorted(marker(name).items())) for name in names}
    assert len(looks) == len(names)
    assert OTHER.symbol not in {marker(name)["symbol"].removesuffix("-open") for name in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_every_methods_marker_is_one_that_plotly_draws(method: str) -> None:
    go.Scatter(marker=marker(method))  # raises ValueError for an unknown symbol or colour


def test_what_learns_from_labels_alone_is_open() -> None:
    assert marker("l1")["symbol"] == "square-open"
    assert marker("l1-kd")["symbol"] == "square"
    assert marker("teacher")["symbol"] == "star"


def test_an_unknown_method_is_drawn_all_the_same() -> None:
    assert marker("magic-kd")["symbol"] == OTHER.symbol


def test_planting_comes_first_and_nothing_twice() -> None:
    methods = ["scratch", "l1", "planting", "teacher", "l1"]
    assert in_legend_order(methods) == ["planting", "teacher", "l1", "scratch"]


def test_neighbouring_steps_have_different_colours() -> None:
    colours = [step_colour(step) for step in range(12)]
    assert all(one != other for one, other in pairwise(colours))


def test_a_log_axis_has_ticks_around_its_values() -> None:
    axis = log_axis([648, 33_338])
    assert axis["type"] == "log"
    assert min(axis["tickvals"]) <= 648
    assert max(axis["tickvals"]) >= 33_338
    assert log_axis([])["tickvals"] == []


def test_the_layout_has_no_width_so_that_it_follows_the_page() -> None:
    assert lay_out(go.Figure(), "title").layout.width is None


def test_an_empty_plot_says_why() -> None:
    figure = say_empty(go.Figure(), "nothing yet")
    assert [note.text for note in figure.layout.annotations] == ["nothing yet"]
