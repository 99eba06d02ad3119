"""What a tracer records while a model runs."""

import torch
from torch import nn

from plantnas.channels.rules import RULES
from plantnas.channels.tracing import Tracer


def _traced(model: nn.Module, images: torch.Tensor) -> Tracer:
    tracer = Tracer(model, RULES, len(images))
    tracer.put(images, 1, tracer.new_channels(images.shape[1], "input"))
    with tracer, torch.no_grad():
        model(images)
    tracer.finish()
    return tracer


def test_a_parameter_is_sized_under_each_of_its_names():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    names = {name for name, _ in _traced(model, torch.zeros(2, 3)).axes}
    assert names == {"0.weight", "1.weight", "0.bias", "1.bias"}


def test_weight_uses_are_counted_for_one_image_and_each_run():
    layer = nn.Conv2d(2, 2, 3, padding=1)
    tracer = _traced(nn.Sequential(layer, layer), torch.zeros(4, 2, 5, 5))
    assert tracer.weight_uses == [("0.weight", 25), ("0.weight", 25)]


def test_asking_for_sizes_does_not_freeze_anything():
    class Asking(nn.Linear):
        def forward(self, x):
            assert (x.shape, x.size(1), x.dim(), x.dtype) == ((2, 3), 3, 2, torch.float32)
            return super().forward(x)

    assert not any(node.frozen for node in _traced(Asking(3, 3), torch.zeros(2, 3)).nodes)


def test_an_operator_in_place_keeps_the_channels():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    tracer = _traced(model, torch.zeros(1, 3, 2, 2))
    rows, columns = tracer.axes["0.weight", 0][0], tracer.axes["2.weight", 1][0]
    assert rows == columns
