"""Networks as users hand them over: the module itself behind its wrappers, and copies of it.

What their channels do is found in plantnas/channels.
"""

import copy
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree

from plantnas.errors import ArgumentError, UnsupportedArchitecture, first_line
from plantnas.given import check_given

WRAPPERS = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
    "timm.utils.model_ema.ModelEmaV2": "module",
    "timm.utils.model_ema.ModelEmaV3": "module",
}
"""What compiles, distributes or averages a module, and the name that it has in there.

By their names, for most of them are not imported by whoever does not use them.
"""


def bare(model: nn.Module) -> nn.Module:
    """The module itself, behind what compiles, distributes or averages it.

    Raises:
        UnsupportedArchitecture: It is no module, has lazy layers that have not run, or is a
            ScriptModule, which shows nothing of what it does.
    """
    while (name := _name_inside(model)) is not None:
        model = getattr(model, name)
    kind = type(model).__name__
    if not isinstance(model, nn.Module):
        raise UnsupportedArchitecture(f"model: is a {kind}, where a torch.nn.Module is needed.")
    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedArchitecture(
            f"{kind}: shows nothing of its operators; give the module that it was made from."
        )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise UnsupportedArchitecture(
                f"{kind}: {name} belongs to a lazy layer, which has no weights yet: run the model "
                "once on images."
            )
    return model


def names_within(model: nn.Module) -> dict[str, str]:
    """The names of all modules of a model, as they are where none in it wraps another.

    Returns:
        {name in the model: name without what wrappers call the module that they wrap}.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    names = {"": ""}
    for name in list(modules)[1:]:
        outer, _, last = name.rpartition(".")
        is_wrapped = _name_inside(modules[outer]) == last
        names[name] = names[outer] if is_wrapped else f"{names[outer]}.{last}".removeprefix(".")
    return names


def check_images(argument: str, given: object) -> None:
    """Refuses what is no batch of images.

    Raises:
        ArgumentError: It says what is needed.
    """
    wanted = "a torch.Tensor of images x channels x height x width"
    check_given(argument, given, Tensor, wanted)
    assert isinstance(given, Tensor)
    if given.ndim < 2 or not given.numel() or given.layout != torch.strided:
        kind = str(given.layout).removeprefix("torch.")
        what = f"a {kind} Tensor of shape {list(given.shape)}"
        raise ArgumentError(f"{argument}: is {what}, where {wanted} is needed.")


def check_beside(argument: str, images: Tensor, model: nn.Module) -> None:
    """Refuses images that are on another device than a model.

    Raises:
        ArgumentError: It names both devices.
    """
    devices = {parameter.device for parameter in model.parameters()}
    if devices and images.device not in devices:
        names = ", ".join(sorted(map(str, devices)))
        raise ArgumentError(f"{argument}: is on {images.device}, where the model is on {names}.")


def copied(model: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """A deep copy, also of a module that keeps tensors with a gradient history, which are detached.

    Args:
        model: Left untouched.
        memo: {id of an object of the model: what it is in the copy}.

    Raises:
        UnsupportedArchitecture: Something in it refuses to be copied, such as a lock.
    """
    given = memo or {}
    try:
        return _deep_copy(model, dict(given))
    except Exception:  # torch's own refusal of such tensors, or whatever the user's objects raise
        detached = {id(each): each.detach().clone() for each in _with_history(model)}
    try:
        return _deep_copy(model, detached | given)
    except Exception as error:
        what = _uncopied(model, detached | given) or first_line(error)
        raise UnsupportedArchitecture(
            f"{type(model).__name__}: cannot be copied: {what.removesuffix('.')}."
        ) from error


TABLES = frozenset(name for name, value in vars(nn.Module()).items() if value in ({}, set()))
"""The tables of a module, of what is registered and of hooks, most of them empty in most modules:
to copy these by deepcopy takes longest."""
UNCHANGED = frozenset({bool, int, float, str, type(None)})
COPYING = ("__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__new__")


def _deep_copy(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """As `copy.deepcopy`, in a third of the time."""
    kind = type(module)
    if id(module) in memo or not _is_copied_by_attributes(kind):
        return copy.deepcopy(module, memo)
    memo[id(module)] = child = kind.__new__(kind)
    attributes = vars(child)
    for key, value in vars(module).items():
        table = type(value)
        if is_unchanged(value):
            attributes[key] = value
        elif key in TABLES and table in (dict, OrderedDict, set) and not value:
            attributes[key] = table()
        elif key in TABLES and table in (dict, OrderedDict):
            attributes[key] = table((name, _copy_of(each, memo)) for name, each in value.items())
        else:
            attributes[key] = copy.deepcopy(value, memo)
    return child


def is_unchanged(value: Any) -> bool:
    """Whether it is a number, a text, or a tuple of such, as a kernel's size."""
    kind = type(value)
    return kind in UNCHANGED or (kind is tuple and UNCHANGED.issuperset(map(type, value)))


def _copy_of(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, nn.Module):
        return _deep_copy(value, memo)
    return copy.deepcopy(value, memo)


def _is_copied_by_attributes(kind: type) -> bool:
    """Whether a kind of module says nothing of how it is copied; torch's own add old names."""
    says = any(getattr(kind, name, None) != getattr(nn.Module, name, None) for name in COPYING)
    takes_state = getattr(kind, "__setstate__", None)
    return not says and getattr(takes_state, "__module__", "").startswith("torch.nn.")


def _name_inside(model: object) -> str | None:
    """What a wrapper calls the module that it wraps; None of a module that is no wrapper."""
    names = (f"{each.__module__}.{each.__qualname__}" for each in type(model).__mro__)
    return next((WRAPPERS[name] for name in names if name in WRAPPERS), None)


def _with_history(model: nn.Module) -> Iterator[Tensor]:
    """The tensors in its modules' attributes that were computed from others: cached activations,
    and the weights of torch.nn.utils.weight_norm, spectral_norm and prune."""
    for module in model.modules():
        for value in pytree.tree_leaves(vars(module)):
            if isinstance(value, Tensor) and not value.is_leaf:
                yield value


def _uncopied(model: nn.Module, memo: dict[int, Any]) -> str | None:
    """The first attribute of its modules that refuses to be copied, and why."""
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            if key in ("_modules", "_parameters"):
                continue
            try:
                copy.deepcopy(value, dict(memo))
            except Exception as error:
                return f"{key!r} of {name or 'the model'}: {first_line(error)}"
    return None
