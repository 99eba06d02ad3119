"""A study's result in words: the network is chosen by validation, and said with what was tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plantnas.measured import Evaluation
from plantnas.report.front import front_and_references, teacher_of
from plantnas.report.headline import caveats, first_choice, headline
from tests.report.conftest import FINISHED

if TYPE_CHECKING:
    from plantnas.records.record import NetworkRecord

    Networks = list[NetworkRecord]

TEACHER, SEED, SCREENED, FIRST, DOMINATED, LAST = range(6)
"""Of the made-up study; the teacher has 50,000 parameters and 95 % validation accuracy."""


def evaluated(networks: Networks, split: str, images: int = 100, **by_place: float) -> Networks:
    """The study with other accuracies on a split: `last=0.9` for its last network."""
    changed = list(networks)
    for name, accuracy in by_place.items():
        place = globals()[name.upper()]
        kept = [each for each in changed[place].evaluations if each.split != split]
        measured = Evaluation(split, accuracy, 0.5, images)  # type: ignore[arg-type]
        changed[place] = replace(changed[place], evaluations=(*kept, measured))
    return changed


def test_the_most_accurate_network_is_chosen_if_none_comes_near_the_teacher(
    networks: Networks,
) -> None:
    assert first_choice(networks) == networks[LAST]


def test_the_smallest_network_within_half_a_point_of_the_teacher_is_chosen(
    networks: Networks,
) -> None:
    near = evaluated(networks, "validation", first=0.945, last=0.96)
    assert first_choice(near) == near[FIRST]


def test_a_finished_network_is_chosen_like_a_grown_one(networks: Networks) -> None:
    finished = replace(FINISHED, id=7)
    assert first_choice([*networks, finished]) == finished


def test_more_than_half_a_point_is_not_near(networks: Networks) -> None:
    near = evaluated(networks, "validation", first=0.944, last=0.96)
    assert first_choice(near) == near[LAST]


def test_the_test_split_does_not_choose(networks: Networks) -> None:
    tested = evaluated(networks, "test", first=0.99, last=0.5, teacher=0.95)
    assert first_choice(tested) == tested[LAST]


def test_there_is_a_first_choice_before_there_is_a_teacher(networks: Networks) -> None:
    assert first_choice(networks[1:]) == networks[LAST]


def test_no_choice_without_a_grown_network_on_the_front(networks: Networks) -> None:
    assert first_choice(networks[:FIRST]) is None
    assert first_choice(evaluated(networks, "validation", seed=0.9)) is None


def test_the_teacher_is_none_before_it_is_trained(networks: Networks) -> None:
    assert (teacher_of(networks), teacher_of(networks[1:])) == (networks[TEACHER], None)


def test_the_headline_is_of_the_test_split_if_both_were_tested(networks: Networks) -> None:
    tested = evaluated(networks, "test", teacher=0.9123, last=0.9032)
    assert headline(tested) == (
        "4.0 % of the teacher's parameters at 0.91 points less test accuracy "
        "(90.32 % against 91.23 %)"
    )


@pytest.mark.parametrize("tested", ["teacher", "last"])
def test_the_headline_is_of_validation_if_only_one_was_tested(
    networks: Networks, tested: str
) -> None:
    assert headline(evaluated(networks, "test", **{tested: 0.9})) == (
        "4.0 % of the teacher's parameters at 15.00 points less validation accuracy "
        "(80.00 % against 95.00 %)"
    )


def test_a_network_better_than_its_teacher_has_more(networks: Networks) -> None:
    assert headline(evaluated(networks, "validation", last=0.97)).endswith(
        "at 2.00 points more validation accuracy (97.00 % against 95.00 %)"
    )


def test_equal_accuracies_are_said_to_be_equal(networks: Networks) -> None:
    assert headline(evaluated(networks, "validation", last=0.95)).endswith(
        "at equal validation accuracy (95.00 %)"
    )


def test_the_difference_is_that_of_the_figures_that_are_shown(networks: Networks) -> None:
    tested = evaluated(networks, "test", teacher=0.91234, last=0.90326)
    assert "0.90 points less test accuracy (90.33 % against 91.23 %)" in headline(tested)


def test_a_tiny_network_does_not_have_none_of_the_parameters(networks: Networks) -> None:
    wide = [replace(networks[TEACHER], parameters=25_000_000), *networks[1:]]
    assert headline(wide).startswith("0.008 % of the teacher's parameters")


def test_a_study_that_has_only_begun_says_so(networks: Networks) -> None:
    assert headline([]) == "The teacher is not trained yet"
    assert headline(networks[:FIRST]) == (
        "No network is grown yet; the teacher has 50,000 parameters and validation accuracy 95.00 %"
    )


def test_a_study_whose_seed_is_best_says_so(networks: Networks) -> None:
    assert headline(evaluated(networks, "validation", seed=0.9)).startswith(
        "No grown network is better than a smaller seed or teacher; the teacher has 50,000"
    )


def said(networks: Networks, about: str, studies: int = 1) -> str:
    """The caveats that hold a word."""
    return " ".join(each for each in caveats(studies, networks) if about in each)


def test_one_random_seed_is_a_caveat(networks: Networks) -> None:
    assert said(networks, "seed") == (
        "One random seed: differences of half a point of accuracy are within its noise."
    )
    assert said(networks, "seed", studies=3).startswith("3 random seeds: ")


def test_validation_accuracies_are_said_to_be_optimistic(networks: Networks) -> None:
    assert said(networks, "optimistic")
    assert not said(networks[:FIRST], "optimistic")  # nothing was chosen yet


def test_an_unread_test_split_is_said(networks: Networks) -> None:
    assert said(networks, "has not been read")
    assert not said(evaluated(networks, "test", teacher=0.9), "has not been read")


def test_a_choice_that_was_not_tested_beside_its_teacher_is_said(networks: Networks) -> None:
    tested = evaluated(networks, "test", teacher=0.95)
    assert said(tested, "Network 6") == ("Network 6 has not been evaluated on the test split yet.")


def test_a_validation_accuracy_that_promised_too_much_is_said(networks: Networks) -> None:
    tested = evaluated(networks, "test", teacher=0.95, last=0.785)
    assert "Network 6 is 1.50 points less accurate on the test split" in said(tested, "Network 6")
    assert not said(evaluated(networks, "test", teacher=0.95, last=0.795), "Network 6")


@pytest.mark.parametrize(
    ("images", "accuracy", "points"),
    [(10_000, 0.9032, "0.6"), (359, 0.9749, "1.8"), (50, 1, "5.0")],
)
def test_few_images_make_an_accuracy_uncertain(
    networks: Networks, images: int, accuracy: float, points: str
) -> None:
    tested = evaluated(networks, "test", images, last=accuracy)
    assert f"test split has {images:,} images" in said(tested, "images")
    assert f"± {points} points" in said(tested, "images")


def test_a_study_without_baselines_says_so(
    networks: Networks, baseline: Callable[..., NetworkRecord]
) -> None:
    assert said(networks, "baselines")
    assert not said([*networks, baseline("l1-kd", 6)], "baselines")


def test_a_study_that_has_only_begun_has_little_to_doubt() -> None:
    assert len(caveats(1, [])) == 1


def test_a_teacher_whose_cost_is_not_known_is_compared_by_parameters(networks: Networks) -> None:
    by_bytes = [
        replace(each, cost_name="bytes", costs={"bytes": 4 * each.parameters}) for each in networks
    ]
    by_bytes[TEACHER] = replace(networks[TEACHER], cost_name="bytes")
    assert headline(by_bytes).startswith("4.0 % of the teacher's parameters at ")
    assert front_and_references(by_bytes)[-1].method == "teacher"


def test_the_share_is_of_the_studys_cost_and_parameters_stand_beside_it(networks: Networks) -> None:
    by_bytes = [
        replace(each, cost_name="bytes_int8", costs={"bytes_int8": 2 * each.parameters + 100})
        for each in networks
    ]
    assert headline(by_bytes).startswith(
        "4.1 % of the teacher's bytes of weights in int8 (4.0 % of its parameters) at "
    )
