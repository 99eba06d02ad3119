"""Training images that a network without training is measured by: none that it was fitted to."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from plantnas.training.evaluation import logits_of
from plantnas.training.fitting import TrainingData
from plantnas.training.loss import Loss, Targets
from plantnas.training.views import Inputs

IMAGES = 256
"""Images that are held back, at most: what more would rank, these do (docs/recipe.md)."""
FEWEST = 100
"""With fewer left, those by which networks are chosen have to do."""


class HeldBack(NamedTuple):
    """Images that are held back, and how far a network is from what it should answer."""

    inputs: Inputs
    targets: Targets
    criterion: Loss

    def loss(self, network: nn.Module) -> float:
        """The network's mean loss on the images."""
        return self.criterion(logits_of(network, self.inputs), *self.targets.in_order()).item()


def held_back(training_data: TrainingData, seen: Tensor, generator: torch.Generator) -> HeldBack:
    """Some of the training images as they are, without those that were seen.

    Args:
        training_data: The images, with the teacher's logits.
        seen: int64, the training images that networks are fitted to.
        generator: Draws the images.
    """
    inputs, targets = training_data.inputs, training_data.targets
    shuffled = torch.randperm(inputs.images, generator=generator)
    unseen = shuffled[~torch.isin(shuffled, seen)]
    if len(unseen) < FEWEST:
        inputs, targets = training_data.validation_inputs, training_data.validation_targets
        unseen = torch.arange(inputs.images)
    kept = unseen[:IMAGES]
    return HeldBack(inputs.chosen(kept), targets.chosen(kept), training_data.loss)
