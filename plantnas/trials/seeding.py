"""Seeds for any Optuna sampler: find its random states, and set them for one trial.

A sampler that was made with a seed repeats its draws in every copy and in every run. Here a seed
follows from (the sampler's seed, the trial's place), so that no two trials of a study draw alike,
whichever worker or run makes them, and one worker's study can be repeated.
"""

import copy
from collections.abc import Iterator

import numpy as np
from optuna.samplers import BaseSampler


def random_states(sampler: BaseSampler) -> list[np.random.RandomState]:
    """The random states of a sampler and of the Optuna objects that it is made of, once each.

    A sampler without a seed has none before its first draw, when it takes one from the system.
    """
    seen: dict[int, object] = {}
    return list(_random_states(sampler, seen))


def _random_states(part: object, seen: dict[int, object]) -> Iterator[np.random.RandomState]:
    if id(part) in seen:
        return
    seen[id(part)] = part
    if isinstance(part, np.random.RandomState):
        yield part
    elif isinstance(part, BaseSampler) or type(part).__module__.startswith("optuna."):
        for attribute in getattr(part, "__dict__", {}).values():
            yield from _random_states(attribute, seen)


def seed_of(sampler: BaseSampler) -> int | None:
    """A number that follows from the seed the sampler was made with; None if it was not seeded."""
    states = random_states(sampler)
    return int(copy.deepcopy(states[0]).randint(2**31)) if states else None


def seed_for_trial(sampler: BaseSampler, seed: int, place: int) -> None:
    """Set each random state of a sampler to a stream of its own for one trial."""
    states = random_states(sampler)
    for state, sequence in zip(
        states, np.random.SeedSequence((seed, place)).spawn(len(states)), strict=True
    ):
        state.seed(sequence.generate_state(4))
