"""The residual networks of He et al. 2016 for 32 x 32 images."""

from collections.abc import Sequence

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: the identity, or a 1x1 convolution where shapes change.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of both convolutions.
        stride: Stride of the first convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Features, batch x out_channels x height/stride x width/stride."""
        inner = self.relu(self.bn1(self.conv1(features)))
        outer: Tensor = self.relu(self.bn2(self.conv2(inner)) + self.shortcut(features))
        return outer


class ResNet(nn.Module):
    """A 3x3 stem, three stages of basic blocks, mean pooling and a classifier.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the images.
        widths: Widths of the stages; the first is the stem's too.
        blocks: Basic blocks in each stage.
    """

    def __init__(
        self, num_classes: int, in_channels: int, widths: Sequence[int], blocks: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        layers: list[nn.Module] = []
        channels = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(BasicBlock(channels, width, stride))
                channels = width
        self.layers = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, batch x classes, of images, batch x channels x height x width."""
        features = self.layers(self.relu(self.bn1(self.conv1(images))))
        logits: Tensor = self.classifier(self.pool(features).flatten(1))
        return logits


def resnet20(num_classes: int, in_channels: int = 3, width: int = 64) -> ResNet:
    """ResNet-20 with 1x1 convolutions as shortcuts where shapes change.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the images.
        width: Width of the first stage; 16 in the paper. The default of 64 makes a teacher.
    """
    return ResNet(num_classes, in_channels, (width, 2 * width, 4 * width), blocks=3)
