"""Importance finds the group that mattered in made-up steps, and does not credit size to any."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import log
from statistics import fmean

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial
from sklearn.linear_model import RidgeCV

from plantnas.measured import Evaluation
from plantnas.records.record import NetworkRecord
from plantnas.report.plotting.importance import (
    ALPHAS,
    PROBES,
    ImportanceInfo,
    StepImportance,
    importance_figure,
    importance_info,
    ridge,
)
from plantnas.report.study_data import StudyData
from tests.report.conftest import network, study_record

STUDY = study_record("made-up")
SEED = {"one": 4, "two": 4, "three": 8, "four": 8}
Rule = Callable[[dict[str, float], float], float]
"""Accuracy from the groups' log growths and the log parameters."""


def parameters(widths: dict[str, int]) -> int:
    """Of a chain of 3 x 3 convolutions: nearly, but not quite, a function of log growths."""
    channels = [1, *widths.values()]
    return sum(9 * before * after for before, after in pairwise(channels))


def screen(parent: int, step: int, widths: dict[str, int], accuracy: float) -> NetworkRecord:
    return replace(
        network("planting", parameters(widths), 0, kind="screen", step=step, parent=parent),
        widths=widths,
        evaluations=(Evaluation("validation", accuracy, 0.5, 1000),),
    )


def plantings(
    rule: Rule, count: int, *, seed: int = 0, parent: int = 1, step: int = 1, noise: float = 0.003
) -> list[NetworkRecord]:
    """Random plantings of the seed, whose accuracy follows a rule, but for some noise."""
    generator = np.random.default_rng(seed)
    screens = []
    for _ in range(count):
        new = {group: int(generator.integers(0, 2 * width)) for group, width in SEED.items()}
        widths = {group: width + new[group] for group, width in SEED.items()}
        growths = {group: log(widths[group] / SEED[group]) for group in SEED}
        accuracy = rule(growths, log(parameters(widths))) + noise * generator.normal()
        screens.append(screen(parent, step, widths, accuracy))
    return screens


def data_of(screens: Sequence[NetworkRecord], parents: int = 1) -> StudyData:
    seed = replace(network("seed", parameters(SEED), 0.5, step=0), widths=SEED)
    networks = [*[seed] * parents, *screens]
    numbered = [replace(each, id=number) for number, each in enumerate(networks, start=1)]
    return StudyData(STUDY, numbered, [])


def only_step(screens: Sequence[NetworkRecord], parents: int = 1) -> StepImportance:
    (step,) = importance_info(data_of(screens, parents)).steps
    return step


def by_second_group(growths: dict[str, float], _: float) -> float:
    return 0.5 + 0.05 * growths["two"]


def by_size(_: dict[str, float], log_parameters: float) -> float:
    return 0.3 + 0.05 * log_parameters


def by_nothing(_: dict[str, float], __: float) -> float:
    return 0.5


@pytest.mark.parametrize(("rows", "columns"), [(30, 4), (5, 8), (6, 6)])
@pytest.mark.parametrize("noise", [0.01, 1.0, 100.0])
def test_the_regression_is_that_of_scikit_learn(rows: int, columns: int, noise: float) -> None:
    generator = np.random.default_rng(rows)
    table = generator.normal(size=(rows, columns))
    table[:, -1] = 0  # a group that has no value
    values = table @ generator.normal(size=columns) + noise * generator.normal(size=rows)
    theirs = RidgeCV(ALPHAS, fit_intercept=False).fit(table, values).coef_
    np.testing.assert_allclose(ridge(np.c_[table, values]), theirs, rtol=1e-7, atol=1e-9)


def test_the_group_that_raised_accuracy_is_found() -> None:
    step = only_step(plantings(by_second_group, 24))
    assert step.is_reliable
    assert max(step.points, key=lambda group: step.points[group] or 0) == "two"
    # 5 points for 1 of log growth, whose standard deviation is 0.34, and near 0.28 at equal size.
    assert 1 < (step.points["two"] or 0) < 1.7


def test_what_size_alone_does_changes_no_value() -> None:
    without = only_step(plantings(by_second_group, 12))
    step = only_step(plantings(lambda *at: by_size(*at) + by_second_group(*at), 12))
    assert step.points == pytest.approx(without.points)
    assert step.r_squared == pytest.approx(without.r_squared)


def test_a_group_that_harms_has_a_negative_value() -> None:
    step = only_step(plantings(lambda *at: 1 - by_second_group(*at), 12))
    assert min(step.points, key=lambda group: step.points[group] or 0) == "two"
    assert (step.points["two"] or 0) < -0.5


def test_size_is_not_credited_to_any_group() -> None:
    steps = [only_step(plantings(by_size, 24, seed=seed)) for seed in range(8)]
    size_effect = 100 * 0.05 * 0.5  # points for one standard deviation of log parameters
    for group in SEED:
        assert abs(fmean(step.points[group] or 0.0 for step in steps)) < 0.05 * size_effect


def test_most_steps_in_which_nothing_mattered_are_not_reliable() -> None:
    steps = [only_step(plantings(by_nothing, 12, seed=seed)) for seed in range(20)]
    assert sum(step.is_reliable for step in steps) <= 5


def test_parents_are_compared_only_within_their_own_children() -> None:
    one = plantings(by_second_group, 8, parent=1)
    other = plantings(lambda *at: by_second_group(*at) + 0.2, 8, parent=2, seed=1)
    step = only_step([*one, *other], parents=2)
    assert (step.screens, step.is_reliable) == (16, True)
    assert 1 < (step.points["two"] or 0) < 3


def test_a_screen_that_is_its_parents_only_one_is_not_counted() -> None:
    screens = [*plantings(by_nothing, 5), *plantings(by_nothing, 1, parent=2)]
    assert only_step(screens, parents=2).screens == 5


def test_fewer_than_four_screens_are_too_few() -> None:
    step = only_step(plantings(by_second_group, 3))
    assert (step.screens, step.r_squared, set(step.points.values())) == (3, None, {None})


def test_a_group_that_always_grew_alike_has_no_value() -> None:
    screens = plantings(by_second_group, 8)
    alike = [replace(each, widths={**each.widths, "four": 9}) for each in screens]
    step = only_step(alike)
    assert step.points["four"] is None
    assert step.points["two"] is not None


def test_one_group_that_is_all_of_size_has_no_value() -> None:
    widths = [{**SEED, "two": 4 + new} for new in range(1, 9)]
    screens = [screen(1, 1, each, 0.5 + each["two"] / 100) for each in widths]
    assert set(only_step(screens).points.values()) == {None}


def test_screens_of_one_accuracy_say_nothing() -> None:
    step = only_step(plantings(by_nothing, 6, noise=0))
    assert not step.is_reliable


def test_grown_networks_are_not_counted() -> None:
    screens = plantings(by_second_group, 6)
    grown = replace(screens[0], kind="grow")
    assert only_step([*screens, grown]) == only_step(screens)


def test_each_step_is_judged_alone() -> None:
    screens = [*plantings(by_second_group, 12), *plantings(by_nothing, 2, step=2)]
    steps = importance_info(data_of(screens)).steps
    assert [(each.step, each.screens, each.is_reliable) for each in steps] == [
        (1, 12, True),
        (2, 2, False),
    ]
    assert steps[0] == only_step(screens[:12])


def probes(screens: Sequence[NetworkRecord]) -> list[FrozenTrial]:
    """The same plantings as probes of the seed, whose loss halves with ten points of accuracy."""
    return [
        optuna.create_trial(
            values=[-0.5, 100.0],
            user_attrs={
                "kind": "probe",
                "step": each.step,
                "parent": "seed",
                "parameters": each.parameters,
                "widths": json.dumps(each.widths),
                "held_back_loss": 0.5 ** (10 * each.evaluations[0].accuracy),
            },
        )
        for each in screens
    ]


def test_where_a_study_has_probes_they_are_read_and_not_the_screens() -> None:
    probed = probes(plantings(by_second_group, 24))
    info = importance_info(data_of(plantings(by_nothing, 4))._replace(trials=probed))
    (step,) = info.steps
    assert (step.screens, info.ranking) == (24, PROBES)
    expected = only_step(plantings(by_second_group, 24))
    for group in SEED:
        assert step.points[group] == pytest.approx(10 * log(2) * (expected.points[group] or 0))


def test_probes_say_what_they_are_and_what_they_tell() -> None:
    figure = importance_figure(INFO._replace(ranking=PROBES))
    assert figure.layout.annotations[0].text == "step<br>probes<br>R²"
    assert "12 probes<br>+0.50 % less loss" in figure.data[0].hovertext[0][0]


INFO = ImportanceInfo(
    "<made-up>",
    ["one", "<b>"],
    [
        StepImportance(1, 12, 0.4, {"one": 0.5, "<b>": -0.001}),
        StepImportance(2, 11, -0.3, {"one": 0.7, "<b>": -0.9}),
        StepImportance(3, 3, None, {"one": None, "<b>": None}),
    ],
)


def test_only_a_reliable_step_has_coloured_cells_and_numbers() -> None:
    coloured, grey = importance_figure(INFO).data
    assert list(coloured.z) == [[0.5, None, None], [-0.001, None, None]]
    assert list(grey.z) == [[None, 0, 0], [None, 0, 0]]
    assert (coloured.text[0][0], coloured.text[1][0], grey.text) == ("+0.50", "0.00", None)


def test_no_change_is_in_the_middle_of_the_scale() -> None:
    coloured, _ = importance_figure(INFO).data
    assert coloured.zmax == -coloured.zmin == 0.5


def test_the_axis_says_screens_and_r_squared_of_each_step() -> None:
    assert importance_figure(INFO).layout.xaxis.ticktext == (
        "1<br>12<br>0.40",
        "2<br>11<br>≤ 0",
        "3<br>3<br>–",
    )


def test_grey_columns_say_why() -> None:
    notes = {note.x: note.text for note in importance_figure(INFO).layout.annotations[1:]}
    assert notes == {1: "not reliable", 2: "too few screens"}


def test_names_are_no_markup() -> None:
    figure = importance_figure(INFO)
    assert figure.layout.yaxis.ticktext == ("one", "&lt;b&gt;")
    assert "&lt;b&gt;" in figure.data[0].hovertext[1][0]
    assert figure.layout.title.text.startswith("&lt;made-up&gt;")


def test_a_step_of_r_squared_that_is_shown_as_zero_is_not_reliable() -> None:
    assert not StepImportance(1, 12, 0.004, {}).is_reliable


@pytest.mark.parametrize("screens", [[], plantings(by_nothing, 3)])
def test_a_study_without_enough_screens_has_a_plot_that_says_so(
    screens: list[NetworkRecord],
) -> None:
    notes = importance_figure(importance_info(data_of(screens))).layout.annotations
    assert any("screened yet" in note.text or "too few" in note.text for note in notes)
