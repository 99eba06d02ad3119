"""What new channels start from, by name: each is a module here. Nothing here imports torch.

An initialisation is a function `fill(grown)`, of the module that has its name or the user's own. It
writes the new entries of `grown.network`, in place: those of the tensors that `grown.changed` names
(`plantnas.channels.initialising.Grown`). The parent's entries are put back afterwards, whatever it
wrote there, so that planting preserves what it preserves; new columns of the parent's rows are
scaled by `planting.column_init`. The seed of a study has no parent: all of it is new.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from plantnas.named import Table, modules_of

if TYPE_CHECKING:
    from plantnas.channels.initialising import Grown

_SHIPPED = modules_of(__name__, "fill")
_CONTRACT = (
    "a function of (grown), a plantnas.channels.initialising.Grown, that writes the new entries "
    "of grown.network in place"
)
ROWS: "Table[Callable[[Grown], object]]" = Table("planting.rows", _SHIPPED, _CONTRACT)
"""Initialisations of planted channels."""
STARTS: "Table[Callable[[Grown], object]]" = Table("seed.start", _SHIPPED, _CONTRACT)
"""Initialisations of the seed."""
