"""What images are normalised by: their own statistics, or what a study says."""

import torch
from torch import Tensor

from plantnas.errors import DataError
from plantnas.tasks import Data

MOST = 255
"""The largest value of a pixel."""


def normalisation(data: Data, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, of pixels of 0 to 255.

    Args:
        data: What the study says.
        mean: Of the training images; of no channel where they are no pixels.
        std: Of the training images.

    Raises:
        DataError: It says more or fewer numbers than the images have channels.
    """
    if not len(mean):
        return mean, std
    said = {"mean": data.mean, "std": data.std}
    for key, numbers in said.items():
        if numbers is not None and len(numbers) != len(mean):
            raise DataError(
                f"data.{key}: {list(numbers)}: has {len(numbers)} numbers, where the images have "
                f"{len(mean)} channels."
            )
    return (
        mean if data.mean is None else torch.tensor(data.mean) * MOST,
        std if data.std is None else torch.tensor(data.std) * MOST,
    )
