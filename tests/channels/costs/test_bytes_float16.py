"""Bytes of weights in float16, against those of a state_dict of that."""

from plantnas.channels.costs.bytes_float16 import cost
from tests.channels.costs.test_bytes import stored


def test_bytes_are_those_of_the_state_dict_of_the_network_in_float16(planted, network):
    child, widths = planted
    assert cost(network.structure, widths) == stored(child.half())
