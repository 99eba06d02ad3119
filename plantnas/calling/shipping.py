"""Copies of a caller's objects for the workers of a search, which are processes of their own.

They lie in a folder of this user's alone while the workers run, and nowhere afterwards.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cloudpickle
import torch

from plantnas.errors import ConfigurationError, StorageError
from plantnas.handed import VARIABLE, handed_things
from plantnas.named import raised
from plantnas.trials.storage import make_folder


@contextmanager
def shipped(names: Sequence[str], directory: Path) -> Iterator[dict[str, str]]:
    """Within, the environment variables of workers that have copies of the objects of these names.

    Raises:
        ConfigurationError: An object cannot be sent to another process; it says why.
        StorageError: The study's folder cannot be written.
    """
    things = handed_things(names)
    if not things:
        yield {}
        return
    make_folder(directory)
    try:
        with TemporaryDirectory(prefix="handed-", dir=directory) as folder:
            file = Path(folder) / "objects"
            _save(things, file)
            # What this process imports, they can: also from the folder that it began in.
            modules = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
            yield {VARIABLE: str(file.resolve()), "PYTHONPATH": modules}
    except OSError as error:
        raise StorageError(f"{directory}: cannot be written: {error.strerror}.") from error


def _save(things: Mapping[str, Any], path: Path) -> None:
    """Writes objects to a file; tensors of it can be mapped.

    Raises:
        ConfigurationError: No other process can have one of them: it says which, why, and what to
            do.
    """
    try:
        torch.save(things, path, pickle_module=cloudpickle)
    except OSError:
        raise
    except Exception as error:  # pickle's own, or what the user's objects raise
        what, why = "an object", error
        for name, thing in things.items():
            try:
                torch.save(thing, BytesIO(), pickle_module=cloudpickle)
            except Exception as its_own:
                what, why = repr(name), its_own
        raise ConfigurationError(
            f"workers: {what} cannot be sent to other processes: {raised(why)}. Use workers=1, or "
            "give the importable function that makes it."
        ) from error
