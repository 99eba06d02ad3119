"""VGG-16 with BatchNorm in its usual form for 32 x 32 images: one linear classifier."""

from plantnas.networks.plain import Plain


def vgg_cifar(num_classes: int, in_channels: int = 3) -> Plain:
    """Thirteen 3x3 convolutions in five stages (Simonyan and Zisserman 2015, configuration D).

    The two hidden linear layers of the ImageNet network are left out, as is usual on CIFAR.
    """
    widths = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]
    return Plain(num_classes, in_channels, stages=widths)
