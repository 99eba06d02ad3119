"""Random states are found in every Optuna sampler, and set apart for each trial."""

import copy

import numpy as np
import pytest
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    PartialFixedSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from plantnas.trials.seeding import random_states, seed_for_trial, seed_of

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

SEEDED = {
    RandomSampler(seed=1): 1,
    TPESampler(seed=1): 2,
    NSGAIISampler(seed=1): 2,
    NSGAIIISampler(seed=1): 2,
    GPSampler(seed=1): 2,
    CmaEsSampler(seed=1): 2,
    QMCSampler(seed=1): 1,
    PartialFixedSampler({"a": 1}, TPESampler(seed=1)): 2,
}


class OfMine(RandomSampler):
    """A sampler of the user's, which draws from numpy's newer generator."""

    def __init__(self, seed: int) -> None:
        super().__init__()  # without a seed
        self.generator = np.random.default_rng(seed)


def draws(sampler: BaseSampler) -> list[list[int]]:
    return [state.randint(1000, size=8).tolist() for state in random_states(sampler)]


@pytest.mark.parametrize(("sampler", "count"), SEEDED.items(), ids=lambda value: str(value))
def test_every_random_state_is_found_once(sampler: BaseSampler, count: int) -> None:
    states = random_states(sampler)
    assert len({id(state) for state in states}) == len(states) == count
    assert all(isinstance(state, np.random.RandomState) for state in states)


@pytest.mark.parametrize("sampler", SEEDED, ids=str)
def test_draws_follow_from_the_seed_and_the_trial_number(sampler: BaseSampler) -> None:
    def drawn(seed: int, number: int) -> list[list[int]]:
        copied = copy.deepcopy(sampler)
        seed_for_trial(copied, seed, number)
        return draws(copied)

    assert drawn(7, 3) == drawn(7, 3)
    streams = [*drawn(7, 3), *drawn(7, 4), *drawn(8, 3)]
    assert len({tuple(stream) for stream in streams}) == len(streams)


def test_reading_the_seed_does_not_change_the_sampler() -> None:
    sampler = TPESampler(seed=1)
    assert seed_of(sampler) == seed_of(sampler) == seed_of(TPESampler(seed=1))
    assert seed_of(sampler) != seed_of(TPESampler(seed=2))


def test_a_sampler_without_a_seed_has_none() -> None:
    assert seed_of(TPESampler()) is None


def test_numpys_newer_generator_is_found_and_seeded_too() -> None:
    def drawn(place: int) -> list[int]:
        sampler = OfMine(seed=1)
        seed_for_trial(sampler, 7, place)
        return sampler.generator.integers(1000, size=8).tolist()

    assert seed_of(OfMine(seed=1)) == seed_of(OfMine(seed=1)) != seed_of(OfMine(seed=2))
    assert drawn(3) == drawn(3) != drawn(4)
