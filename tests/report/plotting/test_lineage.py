"""The tree shows who was planted in whom, without crossing edges."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from random import Random
from typing import Any

import pytest

from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.front import winning_lineage
from plantnas.report.plotting.lineage import (
    LineageInfo,
    LineagePoint,
    edge_of,
    lineage_figure,
    lineage_info,
)
from plantnas.report.study_data import StudyData, study_data
from tests.report.conftest import NETWORKS, network, study_record

STUDY = study_record("made-up")
Point = tuple[float, float]


@pytest.fixture
def info(records: StudyRecords) -> LineageInfo:
    return lineage_info(study_data(records))


def data_of(networks: Sequence[NetworkRecord], name: str = "made-up") -> StudyData:
    numbered = [replace(each, id=number) for number, each in enumerate(networks, start=1)]
    return StudyData(replace(STUDY, name=name), numbered, [])


def random_tree(generator: Random, size: int) -> StudyData:
    """Any grown network may be a parent, also of a child of its own or of a much later step."""
    networks, parents = [network("seed", 500, 0.5, step=0)], [1]
    for number in range(size):
        parent = generator.choice(parents)
        step = (networks[parent - 1].step or 0) + generator.choice((0, 1, 1, 1, 2, 3))
        kind = generator.choice(("screen", "screen", "grow"))
        accuracy = generator.random()
        made = network(
            "planting", 600 + number, accuracy, kind=kind, step=step, trial=number, parent=parent
        )
        networks.append(made)
        parents += [len(networks)] if kind == "grow" else []
    return data_of(networks)


def segments_of(points: Sequence[LineagePoint]) -> list[tuple[Point, Point]]:
    by_id = {point.network_id: point for point in points}
    edges = [edge_of(by_id[each.parent_id], each) for each in points if each.parent_id]
    return [segment for edge in edges for segment in pairwise(edge) if segment[0] != segment[1]]


def cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether they have a point in common that is not an end of both."""

    def side(line: tuple[Point, Point], point: Point) -> float:
        (x, y), (to_x, to_y) = line
        turn = (to_x - x) * (point[1] - y) - (to_y - y) * (point[0] - x)
        return 0.0 if abs(turn) < 1e-9 else turn

    if {*one} & {*other}:
        return False
    return (
        side(one, other[0]) * side(one, other[1]) < 0
        and side(other, one[0]) * side(other, one[1]) < 0
    )


def test_the_teacher_and_the_baselines_are_not_in_the_tree(info: LineageInfo) -> None:
    assert [(point.network_id, point.parent_id, point.kind) for point in info.points] == [
        (2, None, None),
        (3, 2, "screen"),
        (4, 2, "grow"),
        (5, 2, "grow"),
        (6, 4, "grow"),
    ]


def test_a_networks_place_is_its_step(info: LineageInfo) -> None:
    assert [point.x for point in info.points] == [0, 1, 1, 1, 2]


def test_more_accurate_children_are_above_and_screened_ones_below(info: LineageInfo) -> None:
    places = {point.network_id: point.y for point in info.points}
    assert places[4] < places[5] < places[3]


def test_the_winning_lineage_is_that_of_the_most_accurate_planted_network(
    info: LineageInfo,
) -> None:
    assert [point.network_id for point in info.points if point.wins] == [2, 4, 6]


def test_nothing_wins_before_a_network_is_grown() -> None:
    assert winning_lineage(data_of(NETWORKS[:3]).networks) == []


@pytest.mark.parametrize("seed", range(5))
def test_no_two_edges_cross(seed: int) -> None:
    segments = segments_of(lineage_info(random_tree(Random(seed), 60)).points)
    assert not [pair for pair in combinations(segments, 2) if cross(*pair)]


def test_no_two_networks_of_a_large_tree_are_in_the_same_place() -> None:
    points = lineage_info(random_tree(Random(0), 300)).points
    by_column: dict[float, list[float]] = {}
    for point in points:
        by_column.setdefault(point.x, []).append(point.y)
    gaps = [below - above for each in by_column.values() for above, below in pairwise(sorted(each))]
    assert min(gaps) >= 0.19  # rows, of which a screened network of many has 0.2


def test_a_child_of_its_parents_own_step_is_behind_it() -> None:
    tree = (
        network("seed", 500, 0.6, step=0),
        network("planting", 900, 0.7, kind="grow", step=1, trial=0, parent=1),
        network("planting", 990, 0.7, kind="screen", step=1, trial=1, parent=2),
    )
    _, parent, child = lineage_info(data_of(tree)).points
    assert parent.x < child.x < 2


def markers(info: LineageInfo) -> dict[str, Any]:
    """Of the traces that show networks, by name; the legend has traces of its own."""
    shown = [each for each in lineage_figure(info).data if each.marker.coloraxis]
    return {each.name: each.marker for each in shown}


def test_markers_grow_with_the_parameters(info: LineageInfo) -> None:
    sizes = markers(info)["grown planting"].size
    assert sizes[0] < sizes[1] < sizes[2]


def test_screened_networks_are_smaller_than_the_seed(info: LineageInfo) -> None:
    found = markers(info)
    assert found["screened planting"].size[0] < found["seed"].size[0]


def test_colours_are_accuracies_in_per_cent(info: LineageInfo) -> None:
    assert markers(info)["seed"].color == (60.0,)


def test_a_network_that_was_not_evaluated_has_no_colour() -> None:
    (point,) = lineage_info(data_of([replace(NETWORKS[1], evaluations=())])).points
    assert point.accuracy is None


def test_the_legend_names_each_kind_once(info: LineageInfo) -> None:
    named = [each.name for each in lineage_figure(info).data if each.showlegend is not False]
    assert sorted(named) == ["grown planting", "screened planting", "seed", "winning lineage"]


def test_a_points_hover_tells_of_the_network(info: LineageInfo) -> None:
    assert "network 4" in info.points[2].hover


def test_a_studys_name_is_no_markup() -> None:
    figure = lineage_figure(lineage_info(data_of(NETWORKS[:2], "<b>&")))
    assert figure.layout.title.text.startswith("&lt;b&gt;&amp;")


def test_a_study_without_a_seed_has_a_plot_that_says_so() -> None:
    figure = lineage_figure(lineage_info(data_of(NETWORKS[:1])))
    assert "no seed" in figure.layout.annotations[0].text
