"""Proposals stay within their limits, and shares nearly always within the window."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import optuna
import pytest
import torch

from plantnas.channels.groups import analyse
from plantnas.channels.planting import narrow
from plantnas.channels.structure import ChannelGroup, Structure
from plantnas.channels.wiring import seen, triangular
from plantnas.config import Search
from plantnas.config_files import load_search_space
from plantnas.errors import ConfigurationError, StudyError
from plantnas.networks.loader import build_network
from plantnas.search_space import Growth
from plantnas.searching.proposals import Room, room_to_grow, suggest_counts, suggest_shares
from tests.structures import structure_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import StudyFolder

DRAWS = 200


def group(name: str, width: int, granularity: int = 1) -> ChannelGroup:
    return ChannelGroup(name, width, granularity, (name,), None)


def room_of(space_name: str, search: Search | None = None) -> Room:
    """The room that a shipped search space and a search give a seed of the space."""
    space, example = load_search_space(space_name), torch.zeros(2, 3, 32, 32)
    teacher = build_network(space.architecture, 10, 3, space.arguments)
    teacher_widths = {name: one.width for name, one in analyse(teacher, example).growable.items()}
    seed = narrow(teacher, example, space.seed.width, torch.Generator())
    return room_to_grow(analyse(seed, example), teacher_widths, space.grow, search or Search())


def draw(room: Room, proposal: str, number: int) -> dict[str, int]:
    """A planting from uniform random suggestions."""
    uniform = random.Random(number)
    limits, groups = room.limits, room.groups
    if proposal == "shares":
        fixed: dict[str, float] = {name: uniform.random() for name in [*limits, "size"]}
        return suggest_shares(optuna.trial.FixedTrial(fixed), room)
    counts = {
        name: uniform.randrange(0, limit + 1, groups[name].granularity)
        for name, limit in limits.items()
    }
    return suggest_counts(optuna.trial.FixedTrial(counts), room)


@pytest.fixture(scope="module", params=["plain", "resnet20"])
def room(request: pytest.FixtureRequest) -> Room:
    return room_of(request.param)


@pytest.mark.parametrize("proposal", ["counts", "shares"])
def test_plantings_stay_within_the_limits_in_whole_granules(room: Room, proposal: str) -> None:
    for number in range(DRAWS):
        for name, new in draw(room, proposal, number).items():
            assert 0 < new <= room.limits[name]
            assert new % room.groups[name].granularity == 0


def test_random_shares_are_nearly_always_inside_the_window(room: Room) -> None:
    plantings = [draw(room, "shares", number) for number in range(DRAWS)]
    groups = room.groups
    inside = sum(
        room.excess({name: groups[name].width + new for name, new in planting.items()}) <= 0
        for planting in plantings
    )
    assert inside >= 0.95 * DRAWS


def test_shares_choose_the_size_whatever_the_groups(room: Room) -> None:
    names = room.limits
    sizes = []
    for size in (0.0, 0.5, 1.0):
        trial = optuna.trial.FixedTrial({**dict.fromkeys(names, 0.8), "size": size})
        planting = suggest_shares(trial, room)
        widths = {name: room.groups[name].width + new for name, new in planting.items()}
        sizes.append(room.structure.parameters(widths))
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("width", "granularity", "up_to", "teacher", "expected"),
    [
        (8, 1, 2.0, 64, 16),
        (8, 1, 2.0, 12, 4),
        (8, 4, 0.7, 64, 4),
        (8, 4, 0.1, 64, 4),
        (8, 8, 2.0, 12, None),
        (8, 1, 2.0, 8, None),
    ],
    ids=["up_to", "teacher", "whole granules", "at least one", "less than one left", "full"],
)
def test_the_limit_of_a_group(
    width: int, granularity: int, up_to: float, teacher: int, expected: int | None
) -> None:
    structure = structure_of(group("a", width, granularity))
    room = room_to_grow(structure, {"a": teacher}, Growth(up_to=up_to), Search())
    assert room.limits.get("a") == expected


def test_patterns_choose_the_groups() -> None:
    structure = structure_of(*(group(name, 4) for name in ("stem", "block.0", "block.1")))
    teacher = dict.fromkeys(structure.groups, 8)
    room = room_to_grow(structure, teacher, Growth(groups=("block.*",)), Search())
    assert list(room.limits) == ["block.0", "block.1"]


def test_a_pattern_that_fits_no_group_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'stm' fits no channel group. Did you mean 'st"):
        room_to_grow(structure_of(group("stem", 4)), {"stem": 8}, Growth(groups=("stm",)), Search())


def cost_of_a(structure: Structure, widths: Mapping[str, int]) -> float:
    return 10.0 * widths["a"]


def test_excess_is_positive_outside_the_window_alone() -> None:
    room = Room(structure_of(group("a", 5)), {}, cost_of_a, 100, 200, maximum_parameters=inf)
    excesses = [room.excess({"a": width}) for width in (9, 10, 20, 21)]
    assert [excess > 0 for excess in excesses] == [True, False, False, True]


def test_parameters_have_a_limit_whatever_the_cost(room: Room) -> None:
    few = replace(room, cost=cost_of_nothing, minimum=1, maximum=1, maximum_parameters=10)
    assert few.excess({}) > 0
    assert few.has_none()


def cost_of_nothing(structure: Structure, widths: Mapping[str, int]) -> float:
    return 1


def test_the_window_may_be_of_macs() -> None:
    room = room_of("plain", Search(cost="macs", minimum_growth=2, maximum_growth=3))
    macs = room.structure.macs()
    for number in range(DRAWS // 4):
        planting = draw(room, "shares", number)
        widths = {name: room.groups[name].width + new for name, new in planting.items()}
        if room.excess(widths) <= 0:
            assert 2 * macs <= room.structure.macs(widths) <= 3 * macs
    assert (room.minimum, room.maximum) == (2 * macs, 3 * macs)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (Search(), False),
        (Search(maximum_parameters=1_300), True),
        (Search(maximum_cost=1_300.0), True),
        (Search(cost="bytes", maximum_cost=1_300.0), True),
        (Search(minimum_growth=500, maximum_growth=600), True),
        (Search(minimum_growth=1.0001, maximum_growth=1.0002), True),
    ],
    ids=[
        "room",
        "limit used up",
        "cost used up",
        "bytes used up",
        "too little to grow",
        "smaller than a channel",
    ],
)
def test_a_parent_without_room_is_known_without_trying(search: Search, expected: bool) -> None:
    assert room_of("plain", search).has_none() == expected


def reasons(study: optuna.Study) -> list[str]:
    return [trial.user_attrs["reason"] for trial in study.trials if "reason" in trial.user_attrs]


GROUPS = ("features.0", "features.3", "features.7", "features.10")


@pytest.mark.parametrize(
    ("planting", "reason"),
    [((0, 0, 0, 0), "nothing is planted"), ((2, 8, 8, 16), "not between 842 and 1620")],
    ids=["nothing", "outside the window"],
)
def test_a_useless_planting_is_pruned_with_its_reason(
    prepared: StudyFolder, tmp_path: Path, planting: tuple[int, ...], reason: str
) -> None:
    folder = prepared.copy(tmp_path / "study")
    study = folder.open()
    study.enqueue_trial(dict(zip(GROUPS, planting, strict=True)))
    study.optimize(folder.objective(), n_trials=1)
    (trial,) = study.trials
    assert trial.state == optuna.trial.TrialState.PRUNED
    assert reason in trial.user_attrs["reason"]
    assert trial.constraints["parameters"] > 0


def test_a_planting_is_screened_once(prepared: StudyFolder, tmp_path: Path) -> None:
    folder = prepared.copy(tmp_path / "study")
    study = folder.open()
    for _ in range(2):
        study.enqueue_trial(dict(zip(GROUPS, (1, 3, 0, 0), strict=True)))
    study.optimize(folder.objective(), n_trials=2)
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "PRUNED"], reasons(study)
    assert reasons(study) == ["trial 0 has the same planting"]


def test_a_planting_that_a_later_trial_screened_meanwhile_is_not_screened_again(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    """Numbers are given when a trial is queued or begins, not when it proposes."""
    folder = prepared.copy(tmp_path / "study")
    study, objective = folder.open(), folder.objective()
    planting = dict(zip(GROUPS, (1, 3, 0, 0), strict=True))
    study.enqueue_trial(planting)
    with pytest.warns(UserWarning, match="Heartbeat"):
        slow = study.ask()
    study.enqueue_trial(planting)
    study.optimize(objective, n_trials=1)
    assert study.trials[1].state.name == "COMPLETE"
    with pytest.raises(optuna.TrialPruned, match="trial 1 has the same planting"):
        objective(slow)


@pytest.mark.parametrize("limit", [660, 700], ids=["below a channel", "below the window"])
def test_a_seed_without_room_is_refused_before_anything_is_trained(
    brief: StudyFolder, tmp_path: Path, limit: int
) -> None:
    folder = replace(brief, directory=tmp_path).with_settings(search__maximum_parameters=limit)
    with pytest.raises(ConfigurationError, match="nothing can be planted in the seed"):
        folder.run(trials=10)
    with pytest.raises(StudyError, match="has none yet"):
        folder.records.networks()


def test_a_study_ends_when_its_parameters_are_used_up(brief: StudyFolder, tmp_path: Path) -> None:
    folder = replace(brief, directory=tmp_path).with_settings(
        search__maximum_parameters=1_000, search__steps=4
    )
    study = folder.run(trials=600)
    assert reasons(study)[-1] == "the study is complete"
    assert max(trial.values[1] for trial in study.trials if trial.values) <= 1_000


def test_a_study_may_trade_accuracy_for_macs(brief: StudyFolder, tmp_path: Path) -> None:
    folder = replace(brief, directory=tmp_path).with_settings(search__cost="macs", search__steps=1)
    study = folder.run()
    macs = [trial.user_attrs.get("macs") for trial in study.best_trials]
    assert macs
    assert [trial.values[1] for trial in study.best_trials] == macs
    assert study.user_attrs["seed_cost"] < min(macs) < study.user_attrs["teacher_cost"]
    assert study.metric_names == ["validation accuracy", "macs"]


def triangular_room(space_name: str) -> Room:
    """The room of a seed whose new channels are seen by new ones alone."""
    space, example = load_search_space(space_name), torch.zeros(2, 3, 32, 32)
    teacher = build_network(space.architecture, 10, 3, space.arguments)
    seed = narrow(teacher, example, space.seed.width, torch.Generator())
    structure = triangular(analyse(seed, example), seed, [])
    widths = analyse(teacher, example).growable_widths
    return room_to_grow(structure, widths, space.grow, Search())


@pytest.mark.parametrize(("space", "proposal"), [("plain", "counts"), ("resnet20", "shares")])
def test_new_channels_that_none_would_see_are_not_planted(space: str, proposal: str) -> None:
    room = triangular_room(space)
    for number in range(20):
        planting = draw(room, proposal, number)
        assert seen(room.structure, planting.keys()) == planting.keys()


def test_shares_mostly_hit_the_window_where_old_channels_see_no_new_ones() -> None:
    room = triangular_room("resnet20")
    plantings = [draw(room, "shares", number) for number in range(20)]
    inside = [
        planting for planting in plantings if planting and room.excess(_after(room, planting)) <= 0
    ]
    assert len(inside) >= 18


def test_a_group_behind_which_none_may_grow_has_no_room() -> None:
    room = triangular_room("plain")
    last = list(room.limits)[-1]
    widths = dict.fromkeys(room.limits, 1000) | {last: room.groups[last].width}
    growth = Growth()
    assert room_to_grow(room.structure, widths, growth, Search()).limits == {}


def test_groups_whose_new_channels_would_reach_no_output_are_refused() -> None:
    room = triangular_room("plain")
    growth, widths = Growth(groups=("features.0",)), room.structure.growable_widths
    with pytest.raises(ConfigurationError, match=r"grow.groups: features.0: with triangular"):
        room_to_grow(room.structure, widths, growth, Search())


def _after(room: Room, planting: Mapping[str, int]) -> dict[str, int]:
    return {name: room.groups[name].width + new for name, new in planting.items()}


def test_the_limit_is_of_the_chosen_cost() -> None:
    room = room_of("plain", Search(cost="bytes_float16", maximum_cost=9_000.0, maximum_growth=99))
    assert (room.maximum, room.maximum_parameters) == (9_000, inf)
