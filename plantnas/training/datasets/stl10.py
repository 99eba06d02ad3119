"""STL-10 (Coates, Lee and Ng 2011): coloured images of 96 x 96 pixels, most of them unlabelled."""

from torchvision import datasets

from plantnas.config import Data
from plantnas.training.images import Images
from plantnas.training.torchvision_images import downloaded_images, of_one_split


def read(data: Data, split: str) -> Images:
    """The images of a split; the training images with the unlabelled ones where `data` says so."""
    unlabelled = split == "train" and data.unlabelled
    dataset = of_one_split(datasets.STL10, split, files=3 if unlabelled else 2)
    return downloaded_images(dataset, data, split="train+unlabeled" if unlabelled else split)
