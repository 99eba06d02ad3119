"""One run of a model: what it draws, and what it leaves as it was."""

import random

import numpy as np
import torch

from plantnas.channels.traces import same_draws


def _states() -> list[object]:
    numpys = np.random.get_state()[1].tolist()  # noqa: NPY002  (what a model's code may draw from)
    return [random.getstate(), numpys, torch.get_rng_state().tolist()]


def test_all_generators_draw_the_same_each_time_and_are_left_as_they_were():
    before, draws = _states(), []
    for _ in range(2):
        with same_draws():
            draws.append((random.random(), np.random.random(), torch.rand(1).item()))  # noqa: NPY002
    assert draws[0] == draws[1]
    assert _states() == before
