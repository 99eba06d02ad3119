"""The memory of activations from widths alone, against a direct count on networks that run."""

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from plantnas.channels.containers import tensors_in
from plantnas.channels.costs.activation_memory import cost
from plantnas.channels.groups import analyse


class Branches(nn.Module):
    """A branch that waits for another, and a concatenation; what is not needed any more is let go.

    Written so that Python keeps no activation longer than the next operations need it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, padding=1)
        self.right, self.head = nn.Conv2d(4, 6, 1), nn.Linear(11, 2)

    def forward(self, images: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.stem(images).relu_(), 2)
        right = self.right(x)
        x = self.left(x)
        x = torch.cat([x.relu(), right], 1)
        del right
        return self.head(x.mean((2, 3)))


def test_the_peak_is_the_sum_of_what_is_needed_at_the_same_time():
    model = Branches()
    structure = analyse(model, torch.zeros(1, 3, 8, 8))
    image, stem, pooled = 3 * 64, 4 * 64, 4 * 16
    left, right = 5 * 16, 6 * 16
    at_each_call = [
        image + stem,  # the convolution; relu_ is in place
        stem + pooled,
        pooled + right,
        pooled + right + left,
        right + left + left,  # relu makes a second one
        right + left + left + right,  # the concatenation
    ]
    assert cost(structure, {}) == 4 * max(at_each_call)


def test_the_peak_follows_widths():
    structure = analyse(Branches(), torch.zeros(1, 3, 8, 8))
    left, right = 40 * 16, 20 * 16
    assert cost(structure, {"left": 40, "right": 20}) == 4 * (2 * left + 2 * right)


class Calls(TorchDispatchMode):
    """What torch's operations make of images, by its storage: bytes, first and last operation."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.kept, self.calls = [images], 0
        self.found = {images.untyped_storage()._cdata: [images.untyped_storage().nbytes(), 0, 0]}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        returned = function(*args, **(kwargs or {}))
        self.calls += 1
        used, made = tensors_in((args, kwargs)), tensors_in(returned)
        if any(each.untyped_storage()._cdata in self.found for each in used):
            self.kept += made
            for storage in (each.untyped_storage() for each in made):
                self.found.setdefault(storage._cdata, [storage.nbytes(), self.calls, 0])
            for storage in (each.untyped_storage() for each in (*used, *made)):
                if storage._cdata in self.found:
                    self.found[storage._cdata][2] = self.calls
        return returned

    def most(self) -> int:
        lives = self.found.values()
        return max(
            sum(size for size, made, used in lives if made <= call <= used)
            for call in range(self.calls + 1)
        )


def test_the_peak_at_other_widths_is_that_of_the_operations_of_a_built_network(planted, network):
    child, widths = planted
    images = network.images[:1].clone()
    with torch.inference_mode(), Calls(images) as calls:
        child.eval()(images)
    assert cost(network.structure, widths) == calls.most()


def test_a_view_keeps_what_it_is_of():
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 8, 1), nn.Conv2d(4, 2, 1)

        def forward(self, images: Tensor) -> Tensor:
            half = self.first(images)[:, :4]
            return self.second(half)

    structure = analyse(nn.Sequential(nn.Conv2d(3, 3, 1), Views()), torch.zeros(1, 3, 4, 4))
    assert cost(structure, {}) == 4 * 16 * (3 + 8)
