"""What comes into a run without torch is told apart from what the model and torch make."""

import numpy as np
import torch
from torch import nn

from plantnas.channels.calls import Call
from plantnas.channels.groups import channel_groups
from plantnas.channels.outsiders import Outsiders
from plantnas.modules import copied


class Kept(nn.Module):
    """A layer, and a tensor that is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.kept = nn.Linear(2, 2), [torch.ones(2)]


def added(one: torch.Tensor, other: torch.Tensor) -> Call:
    return Call(torch.add, (one, other), {}, one + other)


def test_the_models_tensors_and_results_of_calls_are_no_outsiders() -> None:
    model = Kept()
    outsiders = Outsiders(model)
    call = added(model.layer.bias, model.kept[0])
    assert outsiders.contents_in(call) == []
    assert outsiders.contents_in(added(call.result, call.result)) == []


def test_the_models_tensors_have_names_also_those_that_only_its_code_keeps() -> None:
    model = Kept()
    outsiders = Outsiders(model)
    assert outsiders.names_in(added(model.layer.bias, torch.zeros(2))) == ["layer.bias"]
    names = [
        Outsiders(each).names_in(added(torch.zeros(2), each.kept[0]))
        for each in (model, copied(model))
    ]
    assert names[0] == names[1] != []


def test_what_the_code_keeps_of_an_earlier_run_is_not_taken_for_what_takes_its_place() -> None:
    model = Kept()
    outsiders = Outsiders(model)
    model.kept.clear()
    results = [torch.ones(2) for _ in range(9)]  # in the memory of what was kept, and is no more
    assert not any(outsiders.names_in(added(each, each)) for each in results)


def test_an_outsider_is_told_by_what_it_holds_and_once() -> None:
    ones, same, twos = torch.ones(1, 2), torch.ones(1, 2), torch.full((1, 2), 2.0)
    first, second, third = (
        Outsiders(Kept()).contents_in(added(each, each))[0] for each in (ones, same, twos)
    )
    assert first == second != third
    outsiders = Outsiders(Kept())
    assert outsiders.contents_in(added(ones, torch.zeros(()))) != []
    assert outsiders.contents_in(added(ones, ones)) == []


def frozen_by(code: object) -> str | None:
    """Why the channels cannot grow that some code gets."""

    class Between(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return code(x)  # type: ignore[operator, no-any-return]

    layers = nn.Conv2d(3, 4, 1), Between(), nn.Conv2d(4, 3, 1), nn.Conv2d(3, 2, 1)
    return channel_groups(nn.Sequential(*layers), torch.zeros(1, 3, 4, 4))["0"].frozen


def test_a_width_in_what_numpy_or_a_list_makes_freezes_its_group() -> None:
    codes = (
        lambda x: x / np.float32(x.shape[1]),
        lambda x: x * torch.from_numpy(np.full(1, x.shape[1], np.float32)),
        lambda x: x * torch.Tensor([x.shape[1]]),
        lambda x: x * float(np.tanh(x.numpy().mean())),
    )
    assert all("computes with its width" in str(frozen_by(code)) for code in codes)


def test_a_tensor_of_the_model_that_is_chosen_by_a_width_freezes_its_group() -> None:
    class Chosen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scales = nn.ParameterList([*torch.rand(8)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.scales[x.shape[1]]

    model = nn.Sequential(nn.Conv2d(3, 4, 1), Chosen(), nn.Conv2d(4, 3, 1), nn.Conv2d(3, 2, 1))
    reason = channel_groups(model, torch.zeros(1, 3, 4, 4))["0"].frozen
    assert str(reason).startswith("the code computes with its width: torch.Tensor.mul in 1")


def test_channels_whose_values_leave_torch_are_frozen_if_anything_comes_back() -> None:
    reason = frozen_by(lambda x: x * torch.from_numpy(np.tanh(x.numpy().mean(1, keepdims=True))))
    assert str(reason).startswith("its values leave torch, and torch.Tensor.mul uses what may be")
    assert frozen_by(lambda x: (x.numpy(), x)[1]) is None


def test_numbers_and_arrays_that_are_no_widths_freeze_nothing() -> None:
    assert frozen_by(lambda x: x * np.float32(2) * torch.from_numpy(np.ones(1, np.float32))) is None
