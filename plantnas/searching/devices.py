"""The devices that networks are trained on: which there are, and which a user means.

How workers are spread over them is in workers/local.py.
"""

from collections.abc import Sequence

import torch

from plantnas.errors import ConfigurationError
from plantnas.given import check_text

AUTO = "auto"
"""Stands for all accelerators of a machine, or else its processor."""

PROCESSOR = "cpu"


def devices_here() -> tuple[str, ...]:
    """Torch's names of this machine's devices: the accelerators, CUDA's or MPS, and its processor.

    A processor is one device: several workers on it share its cores.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return (PROCESSOR,)
    numbers = range(torch.accelerator.device_count())
    return (*(f"{accelerator.type}:{number}" for number in numbers), PROCESSOR)


def chosen_devices(devices: str | Sequence[str], here: Sequence[str] = ()) -> tuple[str, ...]:
    """The devices that workers are spread over in turn; a process that is alone has the first.

    Args:
        devices: `auto`, a device's name, several between commas, or a list of such.
        here: The devices of the machine; by default those of this one.

    Raises:
        ArgumentError: It is no text.
        ConfigurationError: A device is not there; the message says which are.
    """
    present, chosen = here or devices_here(), list[str]()
    for each in devices if isinstance(devices, list | tuple) and devices else [devices]:
        check_text("devices", each, "'auto' or names of devices, such as 'cuda:0',")
        assert isinstance(each, str)
        for name in map(str.strip, each.split(",")):
            if name == AUTO:
                accelerators = [each for each in present if each != PROCESSOR]
                chosen += accelerators or [PROCESSOR]
            elif not _is_there(name, present):
                raise ConfigurationError(_refusal(name, present))
            else:
                chosen.append(name)
    return tuple(chosen)


def check_device(name: str) -> None:
    """Refuses a device that this machine does not have, or that does not work.

    Raises:
        ConfigurationError: There is no such device; the message says which there are.
    """
    check_text("device", name, "a device's name, such as 'cpu',")
    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError) as error:
        raise ConfigurationError(_refusal(name, devices_here())) from error


def _is_there(name: str, here: Sequence[str]) -> bool:
    """Whether a machine has a device; torch has any number of names for its processor."""
    try:
        device = torch.device(name)
    except RuntimeError:
        return False
    full = f"{device.type}:{device.index or 0}"
    return device.type == PROCESSOR or full in here


def _refusal(name: str, here: Sequence[str]) -> str:
    # The processor first: all have one.
    allowed = ", ".join([PROCESSOR, *(each for each in here if each != PROCESSOR)])
    return f"device {name!r}: this machine does not have it. Allowed: {allowed}."
