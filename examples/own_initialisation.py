"""An initialisation of your own: new channels whose weights are orthogonal to each other."""

from torch import nn

import plantnas
from plantnas.channels.initialisations import fresh
from plantnas.channels.initialising import Grown
from plantnas.channels.resizing import named_tensors


def orthogonal(grown: Grown) -> None:
    """Draws weights as Saxe, McClelland and Ganguli 2014; all else as each layer does."""
    fresh.fill(grown)
    tensors = named_tensors(grown.network)
    for name in grown.changed:
        if tensors[name].ndim > 1:
            nn.init.orthogonal_(tensors[name], generator=grown.generator)


if __name__ == "__main__":
    config, url = plantnas.load_study("own_initialisation.yaml"), "sqlite:///own_initialisation.db"
    plantnas.open_study(config, url).optimize(plantnas.PlantingObjective(config))
    print(f"new channels start from {config.planting.rows}")
    widths = plantnas.widths_frame(url, config.name)
    print(widths[widths.planted > 0].head(3).to_string(index=False))
