"""Whether a network answers by logits, and one that returns nothing else.

Which of several tensors are the logits is said in channels/containers.py, for all rooms.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plantnas.channels.containers import LOGITS, logits_in
from plantnas.errors import Say, UnsupportedArchitecture
from plantnas.modules import copied


class Answering(nn.Module):
    """A network that returns its logits alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits, batch x classes, of images, batch x channels x height x width."""
        return logits_in(self.network(images))


@torch.no_grad()
def check_answers(network: nn.Module, example: Tensor, classes: int, say: Say) -> None:
    """Refuses a network that does not answer images by logits, in evaluation and in training.

    Args:
        network: Left untouched.
        example: images x channels x height x width.
        classes: How many logits an image is to have.
        say: Is told which of several tensors are taken for logits.

    Raises:
        UnsupportedArchitecture: What is returned has no logits of the shape images x classes.
    """
    model, kind = copied(network), type(network).__name__
    for mode in ("evaluation", "training"):
        with torch.random.fork_rng():
            answer = model.train(mode == "training")(example)
        logits = logits_in(answer)
        if logits.shape != (len(example), classes) or not logits.is_floating_point():
            raise UnsupportedArchitecture(
                f"{kind}: {_what(answer, logits)} in {mode} mode has the shape "
                f"{list(logits.shape)}, where a study needs logits of images x classes, "
                f"{[len(example), classes]}."
            )
        if logits is not answer:
            say(f"{kind}: {_what(answer, logits)} in {mode} mode is trained, and nothing else.")


def _what(answer: Any, logits: Tensor) -> str:
    """Which tensor of an answer is taken for its logits."""
    if logits is answer:
        return "what it returns"
    entries = (
        answer
        if isinstance(answer, Mapping)
        else {name: getattr(answer, name, None) for name in LOGITS}
    )
    name = next((name for name in LOGITS if entries.get(name) is logits), None)
    which = "the first tensor" if name is None else repr(name)
    return f"{which} of the {type(answer).__name__} that it returns"
