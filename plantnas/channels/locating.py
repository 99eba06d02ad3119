"""Say where in a model's code something happened. What happened is in tracing.py and groups.py."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

import torch
from torch import nn

from plantnas.modules import names_within

OWN = str(Path(__file__).parent) + os.sep
TORCH = str(Path(torch.__file__).parent) + os.sep


def names_of_modules(model: nn.Module) -> dict[int, str]:
    """The name of each of a model's modules by its id."""
    bare = names_within(model)
    return {id(module): bare[name] or "the model" for name, module in model.named_modules()}


def location(frames: Iterable[tuple[FrameType, int]], modules: Mapping[int, str]) -> str:
    """The innermost module of the model, and the innermost line that is not torch's own.

    Args:
        frames: Frames of the stack or of a traceback with their line numbers, innermost first.
        modules: The names of the model's modules by their ids.

    Returns:
        Such as "in features.1.0.block.2 (torchvision/models/convnext.py:37)"; empty if unknown.
    """
    module = line = None
    for frame, number in frames:
        path = frame.f_code.co_filename
        if path.startswith(OWN):
            if module or line:
                break  # the caller of the model
            continue
        if module is None:
            module = modules.get(id(frame.f_locals.get("self")))
        if line is None and not path.startswith(TORCH):
            # Below the folder that it was imported from, which is short and the same anywhere.
            folders = [os.path.join(os.path.abspath(folder), "") for folder in sys.path]
            folder = max(filter(path.startswith, folders), key=len, default="")
            line = f"{path.removeprefix(folder)}:{number}"
        if module is not None and line is not None:
            break
    return " ".join(([f"in {module}"] if module else []) + ([f"({line})"] if line else []))
