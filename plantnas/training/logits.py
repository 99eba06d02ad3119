"""The teacher's logits on every view of every image, computed once and shared by all workers.

Those that are too many to be kept are computed batch by batch.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in
from plantnas.errors import StorageError
from plantnas.files import write_atomically
from plantnas.listening import tell_view
from plantnas.training.evaluation import logits_of
from plantnas.training.views import Inputs


def teacher_logits(teacher: nn.Module, inputs: Inputs) -> Tensor:
    """The teacher's logits in eval mode, views x images x classes, float32."""
    begin, logits = time.perf_counter(), list[Tensor]()
    for view in range(inputs.views):
        logits.append(logits_of(teacher, inputs, view))
        pace = (time.perf_counter() - begin) / len(logits)
        tell_view(len(logits), inputs.views, (inputs.views - len(logits)) * pace)
    return torch.stack(logits)


@dataclass(frozen=True)
class Answering:
    """A teacher that is asked again for each batch, where its logits are too many to be kept.

    Attributes:
        teacher: In eval mode, on the inputs' device.
        inputs: The views.
    """

    teacher: nn.Module
    inputs: Inputs

    def __call__(self, views: Tensor, indices: Tensor) -> Tensor:
        """Its logits on one view of each indexed image, batch x classes, float32."""
        with torch.no_grad():
            return logits_in(self.teacher(*self.inputs.batch(views, indices))).float()


def save_logits(path: Path, logits: Tensor) -> None:
    """Writes logits so that the file is whole whenever it has its name.

    Raises:
        StorageError: The folder is full or cannot be written.
    """
    try:
        write_atomically(path, lambda file: np.save(file, logits.numpy()))
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}.") from error


def load_logits(path: Path) -> Tensor:
    """Logits from a file, mapped into memory, so that the workers of a machine share one copy.

    Raises:
        StorageError: The file is missing or damaged.
    """
    try:
        # Copy on write: torch has no read-only tensors, and nothing may reach the file.
        logits = torch.from_numpy(np.load(path, mmap_mode="c"))
    except Exception as error:  # a damaged file makes NumPy raise anything
        raise StorageError(
            f"{path}: the teacher's logits cannot be read: {error}. Delete it: it is made again."
        ) from error
    if logits.ndim != 3 or logits.dtype != torch.float32:
        raise StorageError(
            f"{path}: the teacher's logits are {logits.dtype} of shape {tuple(logits.shape)}, not "
            "float32, views x images x classes. Delete the file, and it is made again."
        )
    return logits
