"""New channels as the teacher has trained those of the same places."""

from plantnas.channels.initialising import Grown
from plantnas.channels.planting import crop
from plantnas.channels.resizing import named_tensors
from plantnas.errors import PlantingError


def fill(grown: Grown) -> None:
    """Copies the teacher's first channels, as many as the grown network has.

    Raises:
        PlantingError: There is no teacher, or it is narrower than the grown network.
    """
    if grown.donor is None:
        raise PlantingError("There is no teacher whose channels the new ones could start from.")
    widths, donor = grown.structure.opened.growable_widths, grown.donor
    cropped = crop(donor.network, grown.example, widths, structure=donor.structure)
    given = named_tensors(cropped)
    tensors = named_tensors(grown.network)
    for name in grown.changed:
        tensors[name].copy_(given[name])
