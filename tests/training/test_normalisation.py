"""What images are normalised by is their own statistics, or what a study says."""

import pytest
import torch

from plantnas.errors import DataError
from plantnas.tasks import Data
from plantnas.training.normalisation import normalisation

MEAN, STD = torch.tensor([100.0]), torch.tensor([50.0])


def test_what_is_not_said_is_the_images_own() -> None:
    assert normalisation(Data(name="digits"), MEAN, STD) == (MEAN, STD)
    mean, std = normalisation(Data(name="digits", mean=(0.2,)), MEAN, STD)
    assert (mean, std) == (torch.tensor([51.0]), STD)


def test_numbers_of_other_channels_are_refused() -> None:
    with pytest.raises(DataError, match=r"data\.mean: .* has 3 numbers, .* have 1 channels"):
        normalisation(Data(name="digits", mean=(0.5, 0.5, 0.5)), MEAN, STD)


def test_what_is_no_image_stays_as_it_is() -> None:
    nothing = torch.empty(0)
    assert not len(normalisation(Data(name="digits", mean=(0.5,)), nothing, nothing)[0])
