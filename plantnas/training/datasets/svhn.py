"""Street View House Numbers (Netzer et al. 2011): coloured digits of 32 x 32 pixels."""

from torchvision import datasets

from plantnas.config import Data
from plantnas.training.images import Images
from plantnas.training.torchvision_images import downloaded_images


def read(data: Data, split: str) -> Images:
    """The images of a split."""
    return downloaded_images(datasets.SVHN, data, split=split)
