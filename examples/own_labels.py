"""Several labels of an image: which of three kinds of stripes it has, none to all of them."""

import numpy as np
import torch

import plantnas
from plantnas.config import Data
from plantnas.training.images import Images

IMAGES = 500
"""Images of each split."""


def read(data: Data, split: str) -> Images:
    """Level, upright and slanting stripes, laid over each other; each label is 0 or 1."""
    generator = np.random.default_rng(0 if split == "train" else 1)
    labels = generator.integers(2, size=(IMAGES, 3))
    rows, columns = np.indices((12, 12))
    angles = np.stack([rows, columns, (rows + columns) / np.sqrt(2)])  # 3 x height x width
    phases = generator.uniform(0, 2 * np.pi, size=(IMAGES, 3, 1, 1))
    waves = (labels[..., None, None] * np.sin(2 * angles + phases)).sum(1)
    noisy = np.clip(waves / 3 + generator.normal(0, 0.1, waves.shape), -1, 1)
    pixels = (127.5 + 127.5 * noisy).astype(np.uint8)
    return Images(torch.from_numpy(pixels).unsqueeze(1), torch.from_numpy(labels).float())


if __name__ == "__main__":
    config, url = plantnas.load_study("own_labels.yaml"), "sqlite:///own_labels.db"
    study = plantnas.open_study(config, url)
    study.optimize(plantnas.PlantingObjective(config))
    print("traded:", *(study.metric_names or []))
    images, labels = plantnas.load_images(url, config.name, "test")
    networks = plantnas.networks_frame(url, config.name)
    grown = plantnas.load_network(url, config.name, int(networks.id.iloc[-1]))
    right = ((grown(images) > 0) == (labels > 0)).float().mean()
    print(f"{tuple(labels.shape)} labels, three of four told: {bool(right > 0.75)}")
