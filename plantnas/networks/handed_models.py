"""Architectures that a Python caller hands over: a module, or whatever makes one.

How they are called while a study runs is in plantnas/handed.py. Nothing here trains.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor, nn

from plantnas.errors import ArgumentError
from plantnas.handed import PREFIX, hand_over, handed, is_handed
from plantnas.modules import bare, copied
from plantnas.named import importable_name

DIGITS = 12
"""So many hexadecimal digits of a fingerprint tell models apart."""


@dataclass(frozen=True, eq=False)
class HandedModule:
    """An architecture whose networks are copies of one module; narrowing draws their weights."""

    module: nn.Module

    def __call__(self, num_classes: int, in_channels: int) -> nn.Module:
        """A copy, whatever it is asked for: what it does not fit is refused where it is tried."""
        return copied(self.module)


@dataclass(frozen=True)
class HandedMaker:
    """An architecture that a function or class makes, which may take the sizes or not."""

    make: Callable[..., nn.Module]

    def __call__(self, **keywords: Any) -> nn.Module:
        """The network; of the sizes, it is told those that it takes."""
        sizes = ("num_classes", "in_channels")
        taken = [*(name for name in sizes if takes(self.make, name)), *(keywords.keys() - sizes)]
        return self.make(**{name: keywords[name] for name in taken})


def architecture_of(model: object) -> str:
    """The name that a study has for a model: of a module or function, one of this process.

    Args:
        model: A module; a function or class that makes one; or a name, which is left as it is.

    Raises:
        ArgumentError: It is none of them.
        UnsupportedArchitecture: The module is one that shows nothing of its operators, or cannot be
            copied.
    """
    if isinstance(model, str):
        return model
    if isinstance(model, nn.Module):
        module = copied(bare(model)).cpu()
        name = f"{type(module).__name__}-{fingerprint(module)[:DIGITS]}"
        return hand_over(name, HandedModule(module))
    if not callable(model):
        raise ArgumentError(
            f"model: is a {type(model).__name__}, where a torch.nn.Module, a function that makes "
            "one, or its name is needed."
        )
    importable = importable_name(model)
    if importable and takes(model, "num_classes") and takes(model, "in_channels"):
        return importable
    return hand_over(title_of(model), HandedMaker(model))


def title_of(thing: object) -> str:
    """What a function, class or object is called, in letters that any name may have."""
    name = getattr(thing, "__qualname__", type(thing).__name__).rpartition(".")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "", name) or "unnamed"


def module_of(name: str) -> nn.Module:
    """A copy of the module that was handed over by a name, as it was."""
    thing = handed(name, "search_space.teacher.weights")
    assert isinstance(thing, HandedModule)
    return copied(thing.module)


def fingerprint(module: nn.Module) -> str:
    """SHA-256 of a module's layers and of its weights, in hexadecimal."""
    digest = hashlib.sha256(repr(module).encode())
    state: Mapping[str, object] = module.state_dict()
    for name, tensor in state.items():
        digest.update(name.encode())
        if isinstance(tensor, Tensor):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def takes(function: Callable[..., Any], keyword: str) -> bool:
    """Whether a function takes a keyword argument of that name."""
    try:
        parameters = signature(function).parameters
    except (ValueError, TypeError):  # of some written in C
        return True
    kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    if keyword in parameters:
        return parameters[keyword].kind in kinds
    return any(each.kind == Parameter.VAR_KEYWORD for each in parameters.values())


def stand_in(name: str, model: object) -> None:
    """Takes a model for what a study calls by a name, so that its networks can be made again.

    Args:
        name: Of the study's architecture; another one than a handed object's is left as it is.
        model: The same module with any weights, or what makes it.

    Raises:
        ArgumentError: It is none.
    """
    if is_handed(name):
        hand_over(name.removeprefix(PREFIX), handed(architecture_of(model), "model"))
