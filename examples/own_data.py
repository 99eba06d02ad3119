"""A data set of your own: stripes in four directions, drawn by numpy."""

import numpy as np
import torch

import plantnas
from plantnas.config import Data
from plantnas.training.images import Images

STRIPES = 500
"""Images of each split."""


def read(data: Data, split: str) -> Images:
    """The images of the split `train` or `test`, the same every time."""
    generator = np.random.default_rng(0 if split == "train" else 1)
    labels = generator.integers(4, size=STRIPES)
    angle, phase = labels * np.pi / 4, generator.uniform(0, 2 * np.pi, size=STRIPES)
    rows, columns = np.indices((12, 12))[..., None]
    waves = np.sin(2 * (rows * np.sin(angle) + columns * np.cos(angle)) + phase)
    noisy = np.clip(waves + generator.normal(0, 0.5, waves.shape), -1, 1)
    pixels = (127.5 + 127.5 * noisy).astype(np.uint8)  # height x width x images
    return Images(torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(1), torch.from_numpy(labels))


if __name__ == "__main__":
    config, url = plantnas.load_study("own_data.yaml"), "sqlite:///own_data.db"
    plantnas.open_study(config, url).optimize(plantnas.PlantingObjective(config))
    for split in ("train", "validation", "test"):
        images, labels = plantnas.load_images(url, config.name, split)
        print(f"{split}: {tuple(images.shape)}, classes {sorted(set(labels.tolist()))}")
