"""Which member of a family of networks has a wanted size. What the sizes are is in structure.py."""

from collections.abc import Callable


def shares_around(
    size_at: Callable[[float], float], wanted: float, largest: float = 1.0, halvings: int = 40
) -> tuple[float, float]:
    """The shares between which a family that grows with its share reaches a size, by bisection.

    Args:
        size_at: The size of the member with this share, such as its parameters.
        wanted: The size.
        largest: No larger share is tried, but for that of 1.
        halvings: Steps of the bisection; 40 go to the precision of a float.

    Returns:
        A share whose size is at most the wanted one (0 where none is), and one whose size is larger
        (or the largest share tried), next to each other.
    """
    low, high = 0.0, 1.0
    while high < largest and size_at(high) < wanted:
        low, high = high, 2 * high
    for _ in range(halvings):
        middle = (low + high) / 2
        if size_at(middle) <= wanted:
            low = middle
        else:
            high = middle
    return low, high
