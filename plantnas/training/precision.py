"""The precision of training: bfloat16 where the processor multiplies it faster than float32.

Parameters, optimiser, loss and the evaluation of finished networks stay in float32; the metrics
after each epoch are in the precision of the training.
"""

from contextlib import AbstractContextManager

import torch

from plantnas.config import Precision


def mixed_precision(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A context in which forward passes, and the backward passes of theirs, have a precision.

    On a CPU with AMX, trials took 1.1 to 2.0 times less in bfloat16 (benchmarks/trial_cost.py).

    Args:
        precision: `auto` is bfloat16 where the device has matrix units for it, else float32.
        device: Where the network is.
    """
    enabled = precision == "bfloat16" or (precision == "auto" and _has_matrix_units(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _has_matrix_units(device: torch.device) -> bool:
    """Whether bfloat16 is more than emulated: tensor cores on a GPU, AMX tiles on a CPU."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_amx_tile_supported())
