"""What a call of torch gets beside numbers and activations: the model's tensors, and outsiders.

Which of its tensors a model uses may depend on a width. And what a tensor holds that comes into a
run without torch (out of NumPy's arrays, lists, memory) may be computed of one, which no call
shows. So both are compared, as the numbers in calls are (tracing.py, on_meta.py).
"""

from hashlib import sha1
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from plantnas.channels.calls import Call
from plantnas.channels.containers import tensors_in
from plantnas.channels.resizing import named_tensors
from plantnas.modules import TABLES, is_unchanged


class Outsiders:
    """Tells a model's tensors by their names, and outsiders: made neither by it nor by torch."""

    def __init__(self, model: nn.Module) -> None:
        kept = [
            (f"{name}:{key}:{number}", each)  # by the code, and in no state_dict
            for name, module in model.named_modules()
            for key, value in vars(module).items()
            if key not in TABLES and not is_unchanged(value)
            for number, each in enumerate(pytree.tree_leaves(value))
            if isinstance(each, Tensor)
        ]
        tensors = (*kept, *named_tensors(model).items())
        self._names = {id(tensor): name for name, tensor in tensors}
        self._known = dict[int, Any]()  # which are kept alive, so that their ids stay theirs
        self.know(*(tensor for _, tensor in tensors))

    def know(self, *tensors: Any) -> None:
        """Says that tensors are no outsiders."""
        self._known.update((id(each), each) for each in tensors)

    def names_in(self, call: Call) -> list[str]:
        """The names of the model's tensors that a call uses."""
        return [self._names[id(each)] for each in call.tensors if id(each) in self._names]

    def contents_in(self, call: Call) -> list[str]:
        """What the outsiders hold that a call is the first to use; its results are none."""
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
