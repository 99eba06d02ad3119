"""How much memory the activations of one image need, in evaluation mode.

An activation is in memory from the operation that makes it to the last one that uses it, or a view
of it: as a runtime keeps them that frees what nothing needs any more. What an operation works in
place on, it makes no second one of; it makes its result while all that it uses is there. Operations
are those of the model's code, one after the other: a compiler that fuses them needs less, one that
unfolds a convolution's images more, and neither that nor weights are counted. The image counts
until it is used the last time.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate

from plantnas.channels.structure import Structure

TITLE = "bytes of activations for an image"


def cost(structure: Structure, widths: Mapping[str, int]) -> float:
    """The most bytes that activations have at a time."""
    all_widths, changes = structure.widths_with(widths), Counter[int]()
    for activation in structure.activations:
        size = activation.size(all_widths)
        changes[activation.made] += size
        changes[activation.used + 1] -= size
    return max(accumulate(changes[when] for when in sorted(changes)))
