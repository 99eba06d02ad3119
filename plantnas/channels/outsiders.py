"""Tensors that come into a model's run without torch: out of NumPy's arrays, lists, memory.

What they hold may be computed of a width, which no call of torch shows; so it is compared, as the
numbers in calls are (tracing.py, on_meta.py).
"""

from hashlib import sha1
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from plantnas.channels.calls import Call
from plantnas.channels.containers import tensors_in


class Outsiders:
    """Tells the tensors that neither the model has nor a call of torch has made."""

    def __init__(self, model: nn.Module) -> None:
        self._known = dict[int, Any]()  # which are kept alive, so that their ids stay theirs
        for module in model.modules():
            self.know(
                *module.parameters(recurse=False),
                *module.buffers(recurse=False),
                *pytree.tree_leaves(vars(module)),
            )

    def know(self, *tensors: Any) -> None:
        """Says that tensors are none of these."""
        self._known.update((id(each), each) for each in tensors)

    def contents_in(self, call: Call) -> list[str]:
        """What those hold that a call is the first to use; its results are known afterwards."""
        found = [_contents(each) for each in call.tensors if id(each) not in self._known]
        self.know(*call.tensors, *tensors_in(call.result))
        return found


def _contents(tensor: Tensor) -> str:
    """The same for the same values; only the shape where there are no values to be read."""
    shape = str(tuple(tensor.shape))
    if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
        return shape
    values = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().flatten()
    return shape + sha1(values.view(torch.uint8).numpy().tobytes()).hexdigest()
