"""A transform of your own: some rows of an image are black, as a worn scanner leaves them."""

from collections.abc import Callable

import torch
from torch import Tensor

import plantnas


def black_rows(share: float = 0.1) -> Callable[[Tensor], Tensor]:
    """Each row is black with a probability."""

    def transform(image: Tensor) -> Tensor:
        rows = torch.rand(image.shape[-2]) < share  # from torch's generator, which is seeded
        return image.masked_fill(rows[:, None], 0)

    return transform


if __name__ == "__main__":
    config, url = plantnas.load_study("own_augmentation.yaml"), "sqlite:///own_augmentation.db"
    plantnas.open_study(config, url).optimize(plantnas.PlantingObjective(config))
    networks = plantnas.networks_frame(url, config.name)
    print(*networks.method, sep=", ")
