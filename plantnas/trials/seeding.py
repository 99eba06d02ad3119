"""Seeds for any Optuna sampler: find its random states, and set them for one trial.

A sampler that was made with a seed repeats its draws in every copy and in every run. Here a seed
follows from (the sampler's seed, the trial's place), so that no two trials of a study draw alike,
whichever worker or run makes them, and one worker's study can be repeated.
"""

import copy
from collections.abc import Iterator

import numpy as np
from optuna.samplers import BaseSampler

RandomState = np.random.RandomState | np.random.Generator
"""What draws: numpy's legacy one, which Optuna's samplers have, or its new one."""


def random_states(sampler: BaseSampler) -> list[RandomState]:
    """The random states of a sampler and of the Optuna objects that it is made of, once each.

    A sampler without a seed has none before its first draw, when it takes one from the system.
    """
    seen: dict[int, object] = {}
    return list(_random_states(sampler, seen))


def _random_states(part: object, seen: dict[int, object]) -> Iterator[RandomState]:
    if id(part) in seen:
        return
    seen[id(part)] = part
    if isinstance(part, RandomState):
        yield part
    elif isinstance(part, BaseSampler) or type(part).__module__.startswith("optuna."):
        for attribute in getattr(part, "__dict__", {}).values():
            yield from _random_states(attribute, seen)


def seed_of(sampler: BaseSampler) -> int | None:
    """A number that follows from the seed the sampler was made with; None if it was not seeded."""
    states = random_states(sampler)
    if not states:
        return None
    first = copy.deepcopy(states[0])
    drawn = (
        first.integers(2**31) if isinstance(first, np.random.Generator) else first.randint(2**31)
    )
    return int(drawn)


def seed_for_trial(sampler: BaseSampler, seed: int, number: int) -> None:
    """Set each random state of a sampler to a stream of its own for one trial."""
    states = random_states(sampler)
    for state, sequence in zip(
        states, np.random.SeedSequence((seed, number)).spawn(len(states)), strict=True
    ):
        if isinstance(state, np.random.Generator):
            state.bit_generator.state = type(state.bit_generator)(sequence).state
        else:
            state.seed(sequence.generate_state(4))
