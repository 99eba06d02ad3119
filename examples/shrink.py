"""A small network of one that you have trained: no labels and no training, in a second."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

import plantnas


def trained(images: Tensor, labels: Tensor) -> nn.Module:
    """A network of yours."""
    torch.manual_seed(0)
    network = plantnas.build_network("plain-small", 10, 1)
    optimizer = torch.optim.Adam(network.parameters(), 0.003)
    for batch in torch.randint(len(images), (200, 64)):
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(images[batch]), labels[batch])
        torch.autograd.backward(loss)
        optimizer.step()
    return network.eval()


if __name__ == "__main__":
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels, seen, unseen = torch.tensor(digits.target), slice(1297), slice(1297, None)
    network = trained(images[seen], labels[seen])
    shrunk = plantnas.shrink(network, images[:500], 0.5)
    cropped = plantnas.crop(network, images, plantnas.widths(shrunk, images))
    for name, each in {"trained": network, "cropped": cropped, "shrunk": shrunk}.items():
        parameters = sum(parameter.numel() for parameter in each.parameters())
        with torch.no_grad():
            right = (each(images[unseen]).argmax(1) == labels[unseen]).float().mean()
        print(f"{name}: {parameters:,} parameters, {right:.0%} of the digits are right")
