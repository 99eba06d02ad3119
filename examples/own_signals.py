"""Signals of your own: noisy waves of three forms, told apart by 1-D convolutions."""

import numpy as np
import torch
from torch import Tensor, nn

import plantnas
from plantnas.config import Data
from plantnas.training.images import Images

SIGNALS, TIMES = 600, 64
"""Signals of each split, and values of a signal."""


def read(data: Data, split: str) -> Images:
    """Sines, squares and sawtooths of random pitch: signals x 1 channel x time."""
    generator = np.random.default_rng(0 if split == "train" else 1)
    forms = generator.integers(3, size=SIGNALS)
    pitch, phase = generator.uniform((2, 0), (4, 1), size=(SIGNALS, 2)).T[..., None]
    turns = pitch * np.arange(TIMES) / TIMES + phase
    sines = np.sin(2 * np.pi * turns)
    waves = np.stack([sines, np.sign(sines), 2 * (turns % 1) - 1])[forms, np.arange(SIGNALS)]
    noisy = waves + generator.normal(0, 0.2, waves.shape)
    return Images(torch.from_numpy(noisy).float().unsqueeze(1), torch.from_numpy(forms))


class Network(nn.Module):
    """Two convolutions along time, and a classifier of their means."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(in_channels, 16, 7, padding=3)
        self.first_norm = nn.BatchNorm1d(16)
        self.second = nn.Conv1d(16, 32, 7, stride=2, padding=3)
        self.second_norm = nn.BatchNorm1d(32)
        self.classifier = nn.Linear(32, num_classes)

    def forward(self, signals: Tensor) -> Tensor:
        """Logits, batch x classes, of signals, batch x channels x time."""
        features = self.first_norm(self.first(signals)).relu()
        features = self.second_norm(self.second(features)).relu()
        logits: Tensor = self.classifier(features.mean(2))
        return logits


def network(num_classes: int, in_channels: int) -> nn.Module:
    """The teacher's size; the seed is a quarter as wide."""
    return Network(num_classes, in_channels)


if __name__ == "__main__":
    config, url = plantnas.load_study("own_signals.yaml"), "sqlite:///own_signals.db"
    plantnas.open_study(config, url).optimize(plantnas.PlantingObjective(config))
    signals, forms = plantnas.load_images(url, config.name, "test")
    print(f"test: {tuple(signals.shape)}, classes {sorted(set(forms.tolist()))}")
    networks = plantnas.networks_frame(url, config.name)
    grown = plantnas.load_network(url, config.name, int(networks.id.iloc[-1]))
    right = (grown(signals).argmax(1) == forms).float().mean()
    print(f"the grown network tells nine of ten: {bool(right > 0.9)}")
    print("measured:", *plantnas.metrics_frame(url, config.name).metric.unique())
