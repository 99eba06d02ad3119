"""Give a model's tensors the shapes of other widths, and its modules the attributes to match.

What the entries of the new tensors are is decided in planting.py.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plantnas.channels.remembered_sizes import update_attributes
from plantnas.channels.structure import Shape, Structure, TensorAxis
from plantnas.errors import UnsupportedArchitecture
from plantnas.modules import copied

ANALYSED_SHAPES = "_plantnas_analysed_shapes"
"""A network's attribute: {tensor name: shape} of the network of its architecture that was analysed.

At other widths it might be read otherwise: with one channel, what has an entry a channel looks like
what all channels share, and code may decide by a width.
"""


def resized(model: nn.Module, structure: Structure, widths: Mapping[str, int]) -> nn.Module:
    """A copy of the model in which every tensor whose shape changes is new and zero.

    Args:
        model: Any width of the architecture; left untouched. Ties between parameters are kept.
        structure: The architecture's tables.
        widths: The width of every group.
    """
    child = with_shapes(model, structure.shapes_with(widths))
    remember_analysed_shapes(child, structure)
    return child


def with_shapes(model: nn.Module, shapes: Mapping[str, Shape]) -> nn.Module:
    """A copy of the model in which every tensor of another shape than given is new and zero."""
    tensors, memo, changed = named_tensors(model), {}, set()
    for name, shape in shapes.items():
        old = tensors[name]
        if old.shape != shape:
            memo[id(old)] = _like(old, old.new_zeros(shape))
            changed.add(name.rpartition(".")[0])
    child = copied(model, memo)
    for owner in changed:
        update_attributes(child.get_submodule(owner), model.get_submodule(owner))
    return child


def remember_analysed_shapes(network: nn.Module, structure: Structure) -> None:
    """Notes on a network, in an attribute, at which shapes its architecture was analysed."""
    vars(network)[ANALYSED_SHAPES] = structure.analysed_shapes or structure.shapes


def widths_in(network: nn.Module, structure: Structure) -> dict[str, int]:
    """The width of every group in a network of the architecture, by the shapes of its tensors.

    Args:
        network: The architecture at any widths.
        structure: The architecture's tables, at any widths too.

    Raises:
        PlantingError: A group has a width that it cannot have.
        UnsupportedArchitecture: No widths of the architecture give these shapes.
    """
    known, nothing = structure.widths, dict.fromkeys(structure.groups, 0)
    shapes = {name: tuple(tensor.shape) for name, tensor in named_tensors(network).items()}
    unknown = set(structure.growable)
    axes = [axis for axis in structure.axes if axis.tensor in shapes]
    while solved := next((axis for axis in axes if len(_groups_of(axis) & unknown) == 1), None):
        (name,) = _groups_of(solved) & unknown
        others = solved.size({**known, **dict.fromkeys(unknown, 0)})
        blocks = solved.size({**nothing, name: 1})
        known[name] = (shapes[solved.tensor][solved.dimension] - others) // blocks
        unknown.remove(name)
    if structure.shapes_with(known) != shapes:
        raise UnsupportedArchitecture(
            f"{type(network).__name__}: its tensors have other shapes than the architecture's."
        )
    return known


def _groups_of(axis: TensorAxis) -> set[str]:
    return {group for group, _ in axis.segments}


def with_tensors(layer: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """A copy of a convolution or linear layer with other weights, which its sizes follow."""
    memo, given = {}, {"weight": weight, "bias": bias}
    for name, old in layer.named_parameters(recurse=False):
        new = given.get(name)
        if new is not None:
            memo[id(old)] = _like(old, new)
    child = copied(layer, memo)
    if bias is None:
        child.register_parameter("bias", None)
    update_attributes(child, layer)
    return child


def meta_copy(model: nn.Module) -> nn.Module:
    """A copy without memory; unlike `.to("meta")` it keeps ties between parameters."""
    tensors = named_tensors(model).values()
    memo = {id(old): _like(old, torch.empty_like(old, device="meta")) for old in tensors}
    return copied(model, memo)


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers; what is tied is there under each of its names."""
    parameters, buffers = dict[str, Tensor](), dict[str, Tensor]()
    for name, module in model.named_modules(remove_duplicate=False):
        prefix = f"{name}." if name else ""
        for tensors, own in ((parameters, "_parameters"), (buffers, "_buffers")):
            for each, tensor in vars(module)[own].items():
                if tensor is not None:
                    tensors[prefix + each] = tensor
    return parameters | buffers


def _like(old: Tensor, new: Tensor) -> Tensor:
    """The new tensor, as a parameter if the old one is."""
    return nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new
