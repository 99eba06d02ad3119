"""What is measured of a network, while it is trained and afterwards.

Who measures is in training/, what is kept of it in records/.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


WORDS = {"balanced_accuracy": "balanced accuracy", "f1": "F1", "map": "mAP", "auroc": "AUROC"}
WORDS |= {"r2": "R²"}
"""What metrics are called in text, where that is not their name."""
IN_PER_CENT = ("accuracy", "balanced_accuracy")


class Metric(NamedTuple):
    """What a study maximises, as it is shown.

    Attributes:
        name: As `search.metric` has it.
    """

    name: str = "accuracy"

    @property
    def words(self) -> str:
        """What it is called in text."""
        return WORDS.get(self.name, re.split("[:/]", self.name)[-1].replace("_", " "))

    @property
    def scale(self) -> int:
        """What a value is multiplied by before it is shown: 100 of a share."""
        return 100 if self.name in IN_PER_CENT else 1

    @property
    def title(self) -> str:
        """What stands at an axis: its words and unit."""
        return f"{self.words} (%)" if self.scale == 100 else self.words

    @property
    def heading(self) -> str:
        """What stands above a column of a table, behind the name of a split."""
        return "%" if self.name == "accuracy" else self.title

    def figure(self, amount: float) -> str:
        """A value without its unit."""
        return f"{100 * amount:.2f}" if self.scale == 100 else f"{amount:.4f}"

    def gain(self, amount: float) -> str:
        """A difference of two values, with its sign and without its unit."""
        return f"{'-' if amount < 0 else '+'}{self.figure(abs(amount))}"

    def text(self, amount: float) -> str:
        """A value with its unit."""
        return f"{self.figure(amount)} %" if self.scale == 100 else self.figure(amount)

    def short(self, amount: float) -> str:
        """The same in a sentence of many numbers."""
        return f"{self.figure(amount)}%" if self.scale == 100 else self.figure(amount)

    @staticmethod
    def said(words: str) -> "Metric":
        """The one that is called so in text."""
        return Metric(next((name for name, called in WORDS.items() if called == words), words))


ACCURACY = Metric()


class Evaluation(NamedTuple):
    """What a network achieves on the images of one split."""

    split: Split
    accuracy: float
    """What the study maximises: the share of the images that are classified correctly, 0 to 1,
    unless its `search.metric`, or the task of its data, says otherwise."""
    loss: float
    """Mean over the images: of the distillation loss, or without a teacher of that by labels."""
    images: int
    metrics: Mapping[str, float] | None = None
    """All that was measured, by name, first what the study maximises; None of a network that was
    evaluated before they were kept."""

    @property
    def metric(self) -> Metric:
        """What the study maximises, and `accuracy` is."""
        return Metric(*list(self.metrics or ())[:1])


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
    """As that of an `Evaluation`."""
    seconds: float
    """Wall time, with the evaluation on validation."""
