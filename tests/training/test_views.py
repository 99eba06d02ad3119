"""The fixed views of the training images, and the batches that a network is fed."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from plantnas.config import Data
from plantnas.training.data import Dataset, load_dataset
from plantnas.training.views import Inputs, augmented_inputs, image_inputs

DIGITS = Data(name="digits", train=120, validation=50, views=4, flip=True, shift=2)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset(DIGITS, random_seed=0)


def pixels_of(dataset: Dataset, data: Data, seed: int = 0) -> Tensor:
    """uint8, views x images x channels x height x width."""
    (tensor,) = augmented_inputs(dataset, data, seed).tensors
    return tensor.movedim(-1, 2)


def moved(image: Tensor, rows: int, columns: int) -> Tensor:
    """The image moved down and to the right, with black behind its edge; the slow way."""
    height, width = image.shape[-2:]
    result = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - rows < height and 0 <= column - columns < width:
                result[:, row, column] = image[:, row - rows, column - columns]
    return result


def is_shift(view: Tensor, image: Tensor, limit: int) -> bool:
    steps = range(-limit, limit + 1)
    return any(torch.equal(view, moved(image, down, right)) for down in steps for right in steps)


def test_the_first_view_is_the_image_itself(dataset: Dataset) -> None:
    assert torch.equal(pixels_of(dataset, DIGITS)[0], dataset.train.pixels)


def test_there_are_as_many_views_as_wanted(dataset: Dataset) -> None:
    assert augmented_inputs(dataset, DIGITS, 0).views == 4


def test_odd_views_are_mirrored_and_even_ones_are_not(dataset: Dataset) -> None:
    views = pixels_of(dataset, DIGITS.model_copy(update={"shift": 0}))
    image = dataset.train.pixels
    for view, expected in enumerate([image, image.flip(-1), image, image.flip(-1)]):
        assert torch.equal(views[view], expected)


def test_no_view_is_mirrored_without_flip(dataset: Dataset) -> None:
    views = pixels_of(dataset, DIGITS.model_copy(update={"shift": 0, "flip": False}))
    assert all(torch.equal(view, dataset.train.pixels) for view in views)


@pytest.mark.parametrize("view", [1, 2])
def test_views_are_shifted_within_the_limit_with_black_behind_the_edge(
    dataset: Dataset, view: int
) -> None:
    views = pixels_of(dataset, DIGITS)[view, :40]
    originals = dataset.train.pixels[:40]
    originals = originals.flip(-1) if view % 2 else originals
    assert all(is_shift(*pair, limit=2) for pair in zip(views, originals, strict=True))


def test_images_are_shifted_independently(dataset: Dataset) -> None:
    same = replace(dataset, train=dataset.train.subset(torch.zeros(120, dtype=torch.long)))
    assert len(pixels_of(same, DIGITS)[2].unique(dim=0)) == 5 * 5


def test_all_channels_of_an_image_are_shifted_alike(dataset: Dataset) -> None:
    data = DIGITS.model_copy(update={"channels": 3})
    views = pixels_of(load_dataset(data, 0), data)
    assert torch.equal(views[:, :, 0], views[:, :, 2])
    assert torch.equal(views[:, :, :1], pixels_of(dataset, DIGITS))


def test_views_are_a_function_of_the_seed(dataset: Dataset) -> None:
    assert torch.equal(pixels_of(dataset, DIGITS, 3), pixels_of(dataset, DIGITS, 3))
    assert not torch.equal(pixels_of(dataset, DIGITS, 3), pixels_of(dataset, DIGITS, 4))


def test_the_normalised_training_images_have_mean_0_and_deviation_1(dataset: Dataset) -> None:
    ((images,),) = image_inputs(dataset.train, dataset).in_order(0, 1000)
    torch.testing.assert_close(images.mean(), torch.tensor(0.0), rtol=0, atol=1e-5)
    torch.testing.assert_close(images.std(correction=0), torch.tensor(1.0), rtol=0, atol=1e-5)


def test_validation_images_are_normalised_by_the_training_split(dataset: Dataset) -> None:
    ((images,),) = image_inputs(dataset.validation, dataset).in_order(0, 1000)
    pixels = dataset.validation.pixels.float()
    torch.testing.assert_close(images, (pixels - dataset.mean) / dataset.std)


def test_a_batch_has_the_wanted_view_of_each_wanted_image(dataset: Dataset) -> None:
    inputs = augmented_inputs(dataset, DIGITS, 0)
    views, indices = torch.tensor([3, 0, 2]), torch.tensor([7, 7, 119])
    (batch,) = inputs.batch(views, indices)
    for image, view, index in zip(batch, views, indices, strict=True):
        ((every,),) = inputs.in_order(int(view), 1000)
        assert torch.equal(image, every[index])


def test_batches_in_order_join_to_all_images(dataset: Dataset) -> None:
    inputs = augmented_inputs(dataset, DIGITS, 0)
    ((whole,),) = inputs.in_order(1, 1000)
    parts = [batch for (batch,) in inputs.in_order(1, 50)]
    assert [len(part) for part in parts] == [50, 50, 20]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_are_channels_last(channels: int) -> None:
    data = DIGITS.model_copy(update={"channels": channels})
    inputs = augmented_inputs(load_dataset(data, 0), data, 0)
    (drawn,) = inputs.batch(torch.tensor([0, 1]), torch.tensor([4, 5]))
    (in_order,) = next(inputs.in_order(0, 10))
    for batch in (drawn, in_order):
        assert batch.shape[1:] == (channels, 8, 8)
        assert batch.is_contiguous(memory_format=torch.channels_last)
        # Of one channel that says nothing: torch goes by the strides.
        assert batch.stride(1) == 1


def test_features_without_a_height_are_fed_as_they_are() -> None:
    features = torch.randn(2, 5, 7)
    (batch,) = Inputs((features,)).batch(torch.tensor([1, 0]), torch.tensor([2, 4]))
    assert torch.equal(batch, torch.stack([features[1, 2], features[0, 4]]))


def test_a_network_that_works_in_place_does_not_reach_the_inputs() -> None:
    features = torch.randn(2, 6, 4, 4, 3)
    inputs = Inputs((features.clone(),))
    inputs.batch(torch.tensor([0]), torch.tensor([1]))[0].zero_()
    for (batch,) in inputs.in_order(0, 4):
        batch.zero_()
    assert torch.equal(inputs.tensors[0], features)


def test_chosen_images_are_fed_as_they_are_in_the_order_of_the_choice(dataset: Dataset) -> None:
    inputs, chosen = augmented_inputs(dataset, DIGITS, 0), torch.tensor([7, 3, 119])
    ((batch,),) = inputs.chosen(chosen).in_order(0, 1000)
    ((whole,),) = inputs.in_order(0, 1000)
    assert torch.equal(batch, whole[chosen])
