"""A method looks the same everywhere, and like no other."""

from itertools import pairwise

import plotly.graph_objects as go
import pytest

from plantnas.baselines.methods import methods
from plantnas.report.plotting.styles import (
    OTHER_COLOURS,
    OTHER_SYMBOLS,
    duration,
    in_legend_order,
    lay_out,
    legend_at_bottom,
    log_axis,
    marker,
    say_empty,
    step_colour,
    time_unit,
)


def test_no_two_methods_look_the_same() -> None:
    names = [*methods(), "planting", "seed", "teacher"]
    looks = {tuple(sorted(marker(name).items())) for name in names}
    assert len(looks) == len(names)
    symbols = {marker(name)["symbol"].partition("-open")[0] for name in names}
    assert not symbols & set(OTHER_SYMBOLS)


@pytest.mark.parametrize("method", [*methods()])
def test_every_methods_marker_is_one_that_plotly_draws(method: str) -> None:
    go.Scatter(marker=marker(method))  # raises ValueError for an unknown symbol or colour


def test_what_learns_from_labels_alone_is_open() -> None:
    assert marker("l1")["symbol"] == "square-open"
    assert marker("l1-kd")["symbol"] == "square"
    assert marker("teacher")["symbol"] == "star"


@pytest.mark.parametrize(
    "symbol", [f"{symbol}{variant}" for symbol in OTHER_SYMBOLS for variant in ("", "-open-dot")]
)
def test_a_method_of_the_users_has_a_look_by_its_name(symbol: str) -> None:
    go.Scatter(marker={"symbol": symbol})  # raises ValueError for an unknown symbol
    names = [f"of-mine-{number}" for number in range(99)]
    looks = {(marker(name)["color"], marker(name)["symbol"]) for name in names}
    assert len(looks) > len(OTHER_COLOURS) * len(OTHER_SYMBOLS) / 2
    assert marker("of-mine-1")["color"] == marker("of-mine-1-kd")["color"]


def test_planting_comes_first_and_nothing_twice() -> None:
    methods = ["scratch", "finish", "l1", "planting", "teacher", "l1"]
    assert in_legend_order(methods) == ["planting", "teacher", "finish", "l1", "scratch"]


def test_neighbouring_steps_have_different_colours() -> None:
    colours = [step_colour(step) for step in range(12)]
    assert all(one != other for one, other in pairwise(colours))


def test_a_log_axis_has_ticks_around_its_values() -> None:
    axis = log_axis([648, 33_338])
    assert axis["type"] == "log"
    assert min(axis["tickvals"]) <= 648
    assert max(axis["tickvals"]) >= 33_338
    assert log_axis([])["tickvals"] == []


def test_a_log_axis_below_one_is_in_plain_numbers() -> None:
    axis = log_axis([0.3, 4])
    assert axis["tickformat"] == "~g"
    assert axis["tickvals"] == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5])


def test_the_layout_has_no_width_so_that_it_follows_the_page() -> None:
    assert lay_out(go.Figure(), "title").layout.width is None


def test_a_legend_is_below_all_that_the_axes_have() -> None:
    legend = lay_out(go.Figure(), "title").layout.legend
    assert (legend.yref, legend.y, legend.yanchor) == ("container", 0, "bottom")


def test_a_legend_at_the_bottom_keeps_its_room_at_any_height() -> None:
    layout = legend_at_bottom(lay_out(go.Figure(), "title"), room=99).layout
    assert (layout.legend.yref, layout.legend.y, layout.margin.b) == ("container", 0, 99)


def test_an_empty_plot_says_why() -> None:
    figure = say_empty(go.Figure(), "nothing yet")
    assert [note.text for note in figure.layout.annotations] == ["nothing yet"]


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(0, "seconds"), (179, "seconds"), (180, "minutes"), (10_799, "minutes"), (10_800, "hours")],
)
def test_an_axis_of_time_has_a_unit_that_fits(seconds: float, name: str) -> None:
    assert time_unit(seconds).name == name


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.044, "0.04 s"),
        (8.06, "8.1 s"),
        (59.96, "1 min 0 s"),
        (621, "10 min 21 s"),
        (3599.7, "1 h 0 min"),
        (11_100, "3 h 5 min"),
    ],
)
def test_a_duration_is_said_in_words(seconds: float, said: str) -> None:
    assert duration(seconds) == said
