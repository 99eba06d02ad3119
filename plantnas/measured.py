"""What is measured of a network, while it is trained and afterwards.

Who measures is in training/, what is kept of it in records/.
"""

from typing import Literal, NamedTuple, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


class Evaluation(NamedTuple):
    """What a network achieves on the images of one split."""

    split: Split
    accuracy: float
    """Share of the images that are classified correctly, 0 to 1."""
    loss: float
    """Mean over the images: of the distillation loss, or of the cross-entropy without a teacher."""
    images: int


class Epoch(NamedTuple):
    """What one epoch of training gave."""

    epoch: int
    """Its number, from 1; 0 stands for what a network that was not drawn afresh was before it."""
    learning_rate: float
    """The rate of its last step; of number 0, the peak of the schedule that follows."""
    training_loss: float
    """Mean over the images, each before the step that learnt from it."""
    validation_loss: float
    validation_accuracy: float
    """Share, 0 to 1."""
    seconds: float
    """Wall time, with the evaluation on validation."""
