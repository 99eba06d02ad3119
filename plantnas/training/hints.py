"""Hints: what a network's last layer is given, beside what the teacher's is (FitNets).

FitNets (Romero et al., ICLR 2015, arXiv 1412.6550) learn a regressor between the widths of both.
Here a channel of a network is the teacher's of the same place, so that there is nothing to learn.
What the teacher's layer is given is kept for all views, as its logits are (logits.py).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.config import StudyConfig
from plantnas.errors import ConfigurationError
from plantnas.training.evaluation import EVALUATION_BATCH
from plantnas.training.views import Inputs

KEY = "distillation.hint_weight"


class Hint(NamedTuple):
    """What the last layer of a network should be given."""

    layer: str
    """The layer's name."""
    weight: float
    """Of the hint, beside the loss by the logits."""
    features: Tensor
    """What the teacher's layer is given: float32, views x images x channels."""

    def loss(self, received: Tensor, views: Tensor, indices: Tensor) -> Tensor:
        """The weighted mean squared difference over the teacher's mean square; a scalar.

        Args:
            received: What the network's layer is given, batch x channels, as many as it has.
            views: The view of each image of the batch.
            indices: The images.
        """
        taught = self.features[views, indices, : received.shape[1]]
        difference = (received.float() - taught).square().mean()
        return self.weight * difference / taught.square().mean().clamp_min(1e-12)


def hinted_layer(config: StudyConfig, structure: Structure) -> str | None:
    """The name of the layer whose inputs are compared; None in a study without hints.

    Raises:
        ConfigurationError: The study has hints, but its networks' channels are not the teacher's,
            or those of the last layer's inputs are not one number each.
    """
    weight, space = config.distillation.hint_weight, config.search_space
    if weight == 0:
        return None
    last = classifier_tensors(structure)
    axes = [axis for axis in structure.axes if axis.tensor in last and axis.role == "columns"]
    reason = ""
    if space.has_other_teacher:
        reason = "the channels of a teacher of another architecture are no student's"
    elif not {config.seed.start, config.planting.rows} <= {"teacher", "fitted"}:
        reason = (
            "seed.start and planting.rows must be 'teacher' or 'fitted': others are no teacher's"
        )
    elif space.wiring == "triangular":
        reason = "search_space.wiring must be 'dense': new channels are trained apart from the old"
    elif config.data.augment:
        reason = "is of the views of data.flip and data.shift, and data.augment makes others"
    elif len(axes) != 1 or len(axes[0].segments) != 1 or axes[0].segments[0].block != 1:
        reason = "the last layer is not given the channels of one group, one number each"
    if reason:
        raise ConfigurationError(f"{KEY}: {weight:g}: {reason}.")
    return axes[0].tensor.rpartition(".")[0]


def answered(
    network: nn.Module, tensors: tuple[Tensor, ...], layer_name: str
) -> tuple[Any, Tensor]:
    """What a network returns of a batch, and what its layer was given for it.

    Args:
        network: The whole, or what is behind a frozen prefix.
        tensors: What it is called with: a batch.
        layer_name: The layer's name in the whole network.

    Raises:
        ConfigurationError: The layer is not called, or given something else than batch x channels.
    """
    modules, heard = dict(network.named_modules()), list[Any]()
    module = modules.get(layer_name) or modules[f"suffix.{layer_name}"]
    handle = module.register_forward_pre_hook(lambda module, given: heard.extend(given))
    try:
        answer = network(*tensors)
    finally:
        handle.remove()
    if len(heard) != 1 or not isinstance(heard[0], Tensor) or heard[0].ndim != 2:
        raise ConfigurationError(
            f"{KEY}: the last layer, {layer_name!r}, is not called once with images x channels."
        )
    return answer, heard[0]


@torch.no_grad()
def teacher_features(network: nn.Module, inputs: Inputs, layer_name: str) -> Tensor:
    """What a teacher's layer is given in eval mode, views x images x channels, float32.

    Raises:
        ConfigurationError: As for `answered`.
    """
    network.eval()
    views = [
        torch.cat(
            [
                answered(network, batch, layer_name)[1].float()
                for batch in inputs.in_order(view, EVALUATION_BATCH)
            ]
        )
        for view in range(inputs.views)
    ]
    return torch.stack(views)
