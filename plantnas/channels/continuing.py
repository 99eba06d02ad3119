"""A network that goes on from one that was trained ahead of it, of other widths than its own."""

from collections.abc import Mapping, Set

import torch
from torch import Tensor, nn

from plantnas.channels.initialising import Donor, Initialisation
from plantnas.channels.planting import crop, plant
from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Structure, shared_regions


def continued(
    donor: Donor,
    widths: Mapping[str, int],
    example_input: Tensor,
    initialisation: Initialisation,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """The network at other widths: its first channels, and new ones around them.

    Args:
        donor: The network; left untouched.
        widths: {group name: width}; groups that are not named keep theirs.
        example_input: images x channels x height x width.
        initialisation: What channels are that the trained network does not have.
        generator: Source of their draws; torch's default generator if None.

    Raises:
        PlantingError: A width that the network cannot have.
    """
    structure = donor.structure
    wanted = structure.widths_with(widths)
    kept = {name: min(width, structure.widths[name]) for name, width in wanted.items()}
    network = crop(donor.network, example_input, kept, structure=structure)
    planting = {name: width - kept[name] for name, width in wanted.items() if width > kept[name]}
    if not planting:
        return network
    return plant(
        network,
        example_input,
        planting,
        generator,
        initialisation=initialisation,
        structure=structure.with_widths(kept),
    )


def take_back(
    network: nn.Module,
    parent: nn.Module,
    tensor_names: Set[str],
    structure: Structure,
    widths: Mapping[str, int],
) -> None:
    """Gives a child back what its parent has in some tensors; what is planted there stays.

    Args:
        network: The child, which is changed in place.
        parent: The network that it was planted from.
        tensor_names: Which, as `named_tensors` has them.
        structure: The child's.
        widths: The parent's, of all groups.
    """
    tensors, parents, axes = named_tensors(network), named_tensors(parent), structure.axes_of
    with torch.no_grad():
        for name in tensor_names:
            tensor = tensors[name]
            regions = shared_regions(axes.get(name, ()), tensor.ndim, widths, structure.widths)
            for box, own_box in regions:
                tensor[own_box] = parents[name][box]
