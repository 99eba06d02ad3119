"""CIFAR-10 (Krizhevsky 2009): 60,000 coloured images of 32 x 32 pixels, of ten classes."""

from torchvision import datasets

from plantnas.config import Data
from plantnas.training.images import Images
from plantnas.training.torchvision_images import downloaded_images, of_one_split


def read(data: Data, split: str) -> Images:
    """The images of a split."""
    dataset = of_one_split(datasets.CIFAR10, split)
    return downloaded_images(dataset, data, train=split == "train")
