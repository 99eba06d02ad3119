"""The drawing of plantings and the rank correlations of the benchmark of short training."""

from __future__ import annotations

import math
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import torch

from plantnas.channels.cost import parameters_at
from plantnas.errors import PlantnasError

if TYPE_CHECKING:
    from tests.conftest import StudyFolder

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ranking.py"
benchmark = SimpleNamespace(**runpy.run_path(str(SCRIPT)))
SHORT, LONG, SCRATCH = (
    benchmark.Training("planted", 1),
    benchmark.Training("planted", 8),
    benchmark.Training("scratch", 8),
)

LOSSES = {
    (SHORT, 0): (0.1, 0.2, 0.3, 0.4),
    (SHORT, 1): (0.2, 0.1, 0.3, 0.4),
    (LONG, 0): (0.6, 0.5, 0.7, 0.8),
    (LONG, 1): (0.4, 0.3, 0.1, 0.8),
    (SCRATCH, 0): (0.4, 0.3, 0.2, 0.1),
    (SCRATCH, 1): (0.3, 0.4, 0.2, 0.1),
}
"""Of four plantings, by training and seed."""


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "planting": number,
            "seed": seed,
            "training": str(training),
            "loss": loss,
            "accuracy": 1 - loss,
        }
        for (training, seed), losses in LOSSES.items()
        for number, loss in enumerate(losses)
    )


def agreement(training: Any, metric: str = "loss") -> Any:
    return benchmark.agreement(rows(), metric, training, LONG, SCRATCH)


def room_of(folder: StudyFolder) -> tuple[Any, Any, Any]:
    study = folder.objective().prepared(folder.open())
    parent = study.parent(None)
    return parent.structure, parent.network, benchmark.room_of(study, parent)


def test_a_rank_correlation_is_of_the_order_alone() -> None:
    correlation = benchmark.rank_correlation(
        pd.Series([1, 2, 3, 4.0]), pd.Series([1, 10, 9, 1000.0])
    )
    assert correlation == pytest.approx(0.8)  # 1 - 6 (0 + 1 + 1 + 0) / (4 (16 - 1))


def test_ties_share_their_mean_rank() -> None:
    correlation = benchmark.rank_correlation(pd.Series([1, 1, 2.0]), pd.Series([1, 2, 3.0]))
    assert correlation == pytest.approx(math.sqrt(3) / 2)


def test_correlations_are_of_the_same_seed_and_their_mean() -> None:
    # Seed 0: ranks 1 2 3 4 and 2 1 3 4, so .8; seed 1: 2 1 3 4 and 3 2 1 4, so 1 - 6 * 6 / 60.
    assert agreement(SHORT).grown == pytest.approx((0.8 + 0.4) / 2)
    assert agreement(SHORT).scratch == pytest.approx(-1)
    assert agreement(SHORT).between_seeds == pytest.approx(0.8)


def test_accuracies_rank_as_the_losses_that_they_mirror() -> None:
    by_loss, by_accuracy = agreement(SHORT), agreement(SHORT, "accuracy")
    assert by_accuracy[:3] == pytest.approx(by_loss[:3])
    assert by_accuracy.picked == pytest.approx(1 - by_loss.picked)
    assert by_accuracy.regret == pytest.approx(by_loss.regret)


def test_the_regret_is_the_distance_of_the_picked_planting_from_the_best_one() -> None:
    # Planted and grown they come to .5, .4, .4 and .8; seed 0 picks the first, seed 1 the second.
    assert agreement(SHORT).picked == pytest.approx(0.45)
    assert agreement(SHORT).regret == pytest.approx(0.05)
    assert agreement(SCRATCH).regret == pytest.approx(0.4)


def test_one_seed_has_no_correlation_between_seeds() -> None:
    one = rows()[rows().seed == 0]
    found = benchmark.agreement(one, "loss", SHORT, LONG, SCRATCH)
    assert found.grown == pytest.approx(0.8)
    assert math.isnan(found.between_seeds)


def test_plantings_have_one_size_and_differ(prepared: StudyFolder) -> None:
    structure, network, room = room_of(prepared)
    plantings = benchmark.draw_plantings(structure, network, room, 6)
    assert len({tuple(sorted(planting.items())) for planting in plantings}) == 6
    assert len({frozenset(planting) for planting in plantings}) > 1  # other groups, too
    present = parameters_at(structure, network, {})
    for planting in plantings:
        widths = benchmark.child_widths(structure, planting)
        assert abs(parameters_at(structure, network, widths) / present / 3 - 1) <= 0.03


def test_plantings_are_drawn_alike_each_time(prepared: StudyFolder) -> None:
    structure, network, room = room_of(prepared)
    drawn = benchmark.draw_plantings(structure, network, room, 3)
    assert benchmark.draw_plantings(structure, network, room, 3) == drawn


def test_more_plantings_than_there_are_is_an_error(prepared: StudyFolder) -> None:
    structure, network, room = room_of(prepared)
    only = next(iter(room.limits))
    room = replace(room, groups={only: room.groups[only]}, limits={only: 1})
    with pytest.raises(PlantnasError, match="only 0 of 200 random plantings"):
        benchmark.draw_plantings(structure, network, room, 2)


def test_a_part_of_the_data_has_fewer_images_and_their_own_logits(prepared: StudyFolder) -> None:
    data = prepared.objective().prepared(prepared.open()).data
    third = benchmark.part_of(data, 3)
    assert len(third.targets.usable()) == len(data.targets.labels) // 3
    views, indices = torch.tensor([1, 0]), torch.tensor([5, 199])
    for mine, whole in zip(
        third.targets.batch(views, indices), data.targets.batch(views, indices), strict=True
    ):
        assert torch.equal(mine, whole)
