"""The search: Optuna's objective, sampler and policies, and the processes that run them.

The package is also what Python users call: `plantnas.search(model, train, validation)`, as written
in calling/search.py. Python gives a package's attribute of that name to this room, so it is called.
"""

import sys
from importlib import import_module
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class CallableRoom(ModuleType):
    """This room, which can be called."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """A search; see `plantnas.calling.search.search`."""
        return _search()(*arguments, **settings)

    @property
    def __signature__(self) -> Signature:
        """What help and editors show."""
        return signature(_search())


def _search() -> Any:
    """The function, which is above this room: it is imported by those who call it."""
    return import_module("plantnas.calling.search").search


sys.modules[__name__].__class__ = CallableRoom
