"""What costs are counted of."""

from plantnas.channels.counted import Activation, Segment


def test_an_activation_grows_with_its_groups_and_not_with_its_constant_channels():
    activation = Activation(64, (Segment("a", 1), Segment("b", 4)), constant=3, made=1, used=2)
    assert activation.size({"a": 5, "b": 2, "c": 9}) == 64 * (5 + 8 + 3)
