"""New channels fitted to what the teacher's channels of the same places compute."""

from plantnas.channels.initialisations import teacher
from plantnas.channels.initialising import Grown
from plantnas.channels.reconstruction import reconstruct


def fill(grown: Grown) -> None:
    """Takes the teacher's channels, then fits all that a regression can give.

    Raises:
        PlantingError: There is no teacher, it is narrower than the grown network, or what it
            computes inside was not sampled.
    """
    teacher.fill(grown)
    grown.restore()
    reconstruct(grown)
