"""Numbers instead of classes: a small network learns what a large one answers, with few targets."""

import torch
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from torch import nn

import plantnas
from plantnas.config import Data
from plantnas.training.images import Images


def read(data: Data, split: str) -> Images:
    """Friedman's function of five of ten features, all about as large as a standard normal."""
    seed = 0 if split == "train" else 1
    features, numbers = make_friedman1(n_samples=1000, noise=0.5, random_state=seed)
    inputs, targets = 3.5 * (features - 0.5), (numbers - 14.4) / 4.9
    return Images(torch.from_numpy(inputs), torch.from_numpy(targets))  # a number an image


def network(num_classes: int, in_channels: int) -> nn.Module:
    """Two hidden layers, at the teacher's widths."""
    return nn.Sequential(
        nn.Linear(in_channels, 64),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Linear(64, num_classes),
    )


if __name__ == "__main__":
    config, url = plantnas.load_study("own_regression.yaml"), "sqlite:///own_regression.db"
    plantnas.open_study(config, url).optimize(plantnas.PlantingObjective(config))
    inputs, targets = plantnas.load_images(url, config.name, "test")
    networks = plantnas.networks_frame(url, config.name)
    for name, row in {"teacher": 0, "grown network": -1}.items():
        trained = plantnas.load_network(url, config.name, int(networks.id.iloc[row]))
        found = r2_score(targets, trained(inputs).detach())
        print(f"{name}: explains more than two thirds: {found > 2 / 3}")
    share = networks.parameters.iloc[-1] / networks.parameters.iloc[0]
    print(f"less than half the parameters: {share < 0.5}")
