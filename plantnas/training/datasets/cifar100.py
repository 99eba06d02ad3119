"""CIFAR-100 (Krizhevsky 2009): 60,000 coloured images of 32 x 32 pixels, of a hundred classes."""

from torchvision import datasets

from plantnas.config import Data
from plantnas.training.images import Images
from plantnas.training.torchvision_images import downloaded_images, of_one_split


def read(data: Data, split: str) -> Images:
    """The images of a split."""
    dataset = of_one_split(datasets.CIFAR100, split)
    return downloaded_images(dataset, data, train=split == "train")
