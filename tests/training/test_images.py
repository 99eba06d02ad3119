"""Images are taken apart by their places, and what cannot be read says what to do about it."""

import pytest
import torch

from plantnas.training.images import UNLABELLED, Images, advising

IMAGES = Images(torch.arange(12, dtype=torch.uint8).reshape(3, 1, 2, 2), torch.tensor([4, 5, 6]))


def test_a_subset_has_pixels_and_labels_of_its_places() -> None:
    subset = IMAGES.subset(torch.tensor([2, 0]))
    assert subset.labels.tolist() == [6, 4]
    assert torch.equal(subset.pixels, IMAGES.pixels[[2, 0]])


def test_some_lose_their_labels_and_none_is_lost() -> None:
    partly = IMAGES.without_labels(torch.tensor([1]))
    assert partly.labels.tolist() == [4, UNLABELLED, 6]
    assert len(partly) == len(IMAGES) == 3


@pytest.mark.parametrize(
    ("error", "message"),
    [(ValueError("is\n  short"), "is short Buy."), (EOFError(), "EOFError Buy.")],
)
def test_what_cannot_be_read_says_what_to_do(error: Exception, message: str) -> None:
    with pytest.raises(OSError, match=f"^{message}$"), advising("Buy."):
        raise error
