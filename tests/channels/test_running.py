"""What costs a network that has no channel groups: counted as it runs."""

import torch
from torch import nn

from plantnas.channels.groups import analyse
from plantnas.channels.running import macs_of
from plantnas.networks.loader import build_network

IMAGES = torch.zeros(2, 1, 8, 8)


def test_what_is_counted_is_what_a_structure_says() -> None:
    network = build_network("plain-small", 10, 1)
    assert macs_of(network, IMAGES) == analyse(network, IMAGES).macs()


def test_attention_is_counted_however_it_is_computed() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    tokens, width, hidden = 5, 8, 16
    expected = tokens * width * (4 * width + 2 * hidden) + 2 * tokens * tokens * width
    assert macs_of(layer, torch.zeros(2, tokens, width)) == expected
