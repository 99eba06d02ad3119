"""Where a search runs: the device by its name, and with what it was begun."""

from __future__ import annotations

import pytest
import torch

from plantnas.calling.running import chosen_device
from plantnas.errors import ArgumentError


def test_a_device_is_taken_by_its_name() -> None:
    assert chosen_device("cuda:7") == "cuda:7"
    with pytest.raises(ArgumentError, match=r"^devices: is 3, where 'auto' or a device's name"):
        chosen_device(3)  # type: ignore[arg-type]


def test_the_accelerator_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, expected in ((torch.device("cuda"), "cuda"), (None, "cpu")):
        monkeypatch.setattr(
            torch.accelerator, "current_accelerator", lambda check_available, found=found: found
        )
        assert chosen_device("auto") == expected
