"""The devices that a user means are found among those of a machine, or refused in one line."""

from __future__ import annotations

import pytest
import torch

from plantnas.errors import ArgumentError, ConfigurationError
from plantnas.searching.devices import check_device, chosen_devices, devices_here

TWO = ("cuda:0", "cuda:1", "cpu")
"""The devices of a machine with two GPUs, which the tests' has not."""


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"device '{device}': .* Allowed: cpu"):
        check_device(device)


@pytest.mark.parametrize(
    ("asked", "here", "chosen"),
    [
        ("auto", TWO, ("cuda:0", "cuda:1")),
        ("auto", ("mps:0", "cpu"), ("mps:0",)),
        ("auto", ("cpu",), ("cpu",)),
        ("cuda:1", TWO, ("cuda:1",)),
        ("cuda", TWO, ("cuda",)),
        ("cuda:0, cuda:1,cpu", TWO, TWO),
        (["cuda:1", "cuda:1"], TWO, ("cuda:1", "cuda:1")),
        (("cpu:0", "cpu:1"), ("cpu",), ("cpu:0", "cpu:1")),
    ],
)
def test_devices_are_chosen_by_names_or_all_accelerators(
    asked: str | list[str], here: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    assert chosen_devices(asked, here) == chosen


@pytest.mark.parametrize("asked", ["cuda:2", "cuda:0,mps", "meta", ["cpu", "gpu"], "cpu,"])
def test_what_is_not_there_is_one_line_that_lists_what_is(asked: str | list[str]) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^device '.*': this machine does not have it\. Allowed: cpu, cuda:0, cuda:1\.$",
    ):
        chosen_devices(asked, TWO)


@pytest.mark.parametrize("asked", [3, None, [], [3], {"cuda": 1}])
def test_what_is_no_name_is_refused(asked: object) -> None:
    with pytest.raises(ArgumentError, match=r"^devices: is .*, where 'auto' or names of devices"):
        chosen_devices(asked)  # type: ignore[arg-type]


def test_the_accelerators_of_a_machine_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    for found, expected in ((torch.device("cuda"), TWO), (None, ("cpu",))):
        monkeypatch.setattr(
            torch.accelerator, "current_accelerator", lambda check_available, found=found: found
        )
        assert devices_here() == expected
