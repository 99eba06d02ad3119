"""A network and what a planting makes of it, to count both."""

import pytest

from plantnas.channels.planting import plant


@pytest.fixture
def planted(network):
    model, images, structure = network
    planting = {name: 2 * group.granularity for name, group in structure.growable.items()}
    widths = {name: group.width + planting[name] for name, group in structure.growable.items()}
    return plant(model, images, planting, structure=structure), widths
