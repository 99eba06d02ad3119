"""Things that are made by processes are those that this one makes, in order."""

import os

import pytest
import torch

from plantnas.training import processes
from plantnas.training.processes import made_by_processes


def test_many_are_made_elsewhere_in_order_and_few_here(monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.get_rng_state()
    made = list(made_by_processes(lambda number: (number * 2, os.getpid()), range(40)))
    assert made == [(number * 2, os.getpid()) for number in range(40)]
    monkeypatch.setattr(processes, "FEW", 1)
    made = list(made_by_processes(lambda number: (number * 2, os.getpid()), range(40)))
    assert [number for number, _ in made] == [*range(0, 80, 2)]
    assert os.getpid() not in {process for _, process in made}
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_raised_elsewhere_is_raised_here_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FEW", 1)
    things = made_by_processes(lambda number: 1 / number, [2, 1, 0])
    assert (next(things), next(things)) == (0.5, 1.0)
    with pytest.raises(ZeroDivisionError, match=r"^(float )?division by zero$"):
        next(things)
