"""Plain chains of convolutions for small images: no branch, no residual.

Residual networks are in resnet.py, the deep VGG chain in vgg.py.
"""

from collections.abc import Sequence

from torch import Tensor, nn


def conv_block(in_channels: int, out_channels: int) -> list[nn.Module]:
    """A 3x3 convolution, its BatchNorm and ReLU; the image keeps its size."""
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]


class Plain(nn.Module):
    """Stages of 3x3 convolutions, a 2x2 max pooling between stages, mean pooling and a classifier.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the images.
        stages: For each stage, the widths of its convolutions.
    """

    def __init__(
        self, num_classes: int, in_channels: int = 3, stages: Sequence[Sequence[int]] = ()
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for number, stage in enumerate(stages):
            if number:
                layers.append(nn.MaxPool2d(2))
            for out_channels in stage:
                layers.extend(conv_block(width, out_channels))
                width = out_channels
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, batch x classes, of images, batch x channels x height x width."""
        features: Tensor = self.pool(self.features(images)).flatten(1)
        logits: Tensor = self.classifier(features)
        return logits


def plain(num_classes: int, in_channels: int = 3) -> Plain:
    """Six convolutions in three stages, 288 170 parameters for 10 classes of grey images."""
    return Plain(num_classes, in_channels, stages=[(32, 32), (64, 64), (128, 128)])


def plain_small(num_classes: int, in_channels: int = 3) -> Plain:
    """Four convolutions in two stages, for images as small as 8 x 8."""
    return Plain(num_classes, in_channels, stages=[(16, 32), (32, 64)])
