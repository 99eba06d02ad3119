"""A module is taken from behind wrappers, and copied whatever it keeps, or refused in one line."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

import plantnas
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations.teacher import fill as rows_of_donor
from plantnas.channels.initialising import Donor, Initialisation
from plantnas.errors import UnsupportedArchitecture
from plantnas.modules import bare, copied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IMAGES = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def old_names_are_used_on_purpose() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def plain() -> nn.Sequential:
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


class Caching(nn.Module):
    """Keeps what it computed last, in a list too."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()
        self.kept = list[Tensor]()

    def forward(self, images: Tensor) -> Tensor:
        self.last = self.body(images)
        self.kept.append(self.last)
        return self.last


def behind_hooks(change: Callable[[nn.Module], nn.Module]) -> nn.Sequential:
    """A network whose first layer's weight is computed by a hook, from others."""
    model = plain()
    model[0] = change(model[0])
    return model


def pruned(layer: nn.Module) -> nn.Module:
    return prune.l1_unstructured(layer, "weight", 0.5)


KEEPING: dict[str, Callable[[], nn.Module]] = {
    "activations": Caching,
    "weight_norm": lambda: behind_hooks(nn.utils.weight_norm),
    "spectral_norm": lambda: behind_hooks(nn.utils.spectral_norm),
    "prune": lambda: behind_hooks(pruned),
}
"""Modules that keep tensors with a history once they have run."""


def compiled(model: nn.Module) -> nn.Module:
    return cast("nn.Module", torch.compile(model, backend="eager"))


WRAPPED: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compiled": compiled,
    "DataParallel": nn.DataParallel,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "compiled DataParallel": lambda model: compiled(nn.DataParallel(model)),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_a_wrapped_module_is_the_module_itself(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = plain()
    wrapped = wrap(model)
    assert plantnas.widths(wrapped, IMAGES) == plantnas.widths(model, IMAGES)
    for child in (
        plantnas.plant(wrapped, IMAGES, {"0": 2}),
        plantnas.crop(wrapped, IMAGES, {"0": 2}),
        plantnas.narrow(wrapped, IMAGES, 0.5),
        plantnas.shrink(wrapped, IMAGES, {"0": 2}),
        plantnas.wired(wrapped, IMAGES, []),
    ):
        assert type(child) is nn.Sequential
        assert child.state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize("wrap", [compiled, nn.DataParallel], ids=["compiled", "DataParallel"])
def test_a_wrapped_module_in_a_network_keeps_the_names_of_its_groups(
    wrap: Callable[[nn.Module], nn.Module],
) -> None:
    model = plain().eval()
    outer = nn.Sequential(wrap(nn.Sequential(model[:4])), model[4:])
    assert list(plantnas.widths(outer, IMAGES)) == ["0.0.0", "0.0.2"]
    child = plantnas.plant(outer, IMAGES, {"0.0.0": 2})
    assert child.state_dict().keys() == outer.state_dict().keys()
    torch.testing.assert_close(child.eval()(IMAGES), model(IMAGES))


def test_a_module_with_a_child_called_module_is_no_wrapper() -> None:
    model = nn.Module()
    model.module = plain()
    assert bare(model) is model


@pytest.mark.parametrize("make", KEEPING.values(), ids=KEEPING)
def test_a_module_that_keeps_tensors_with_a_history_can_grow(
    make: Callable[[], nn.Module],
) -> None:
    model = make()
    model(IMAGES)
    group = next(iter(plantnas.widths(model, IMAGES)))
    child = plantnas.plant(model.eval(), IMAGES, {group: 2})
    torch.testing.assert_close(child.eval()(IMAGES), model(IMAGES))
    assert plantnas.widths(child, IMAGES)[group] == plantnas.widths(model, IMAGES)[group] + 2


def test_a_copy_is_of_the_values_and_shares_nothing() -> None:
    model = Caching()
    model(IMAGES)
    child = copied(model)
    assert torch.equal(child.last, model.last)
    assert child.last.data_ptr() != model.last.data_ptr()
    assert child.kept[0] is child.last


class OwnCopy(nn.Linear):
    def __deepcopy__(self, memo: dict[int, object]) -> OwnCopy:
        child = OwnCopy(2, 2)
        child.copies = True
        return child


class OwnState(nn.Linear):
    """Leaves a lock at home."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in vars(self).items() if key != "lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self.lock = threading.Lock()


def test_a_copy_is_what_deepcopy_makes() -> None:
    model, shared = plain(), nn.Linear(2, 2)
    model.shared, model.again, model.inside = shared, shared, nn.ModuleDict({"shared": shared})
    table = dict[str, int]()
    model.outside, model.table, model.same_table = [shared], table, table
    model.own, model.state = OwnCopy(2, 2), OwnState()
    heard = list[str]()
    shared.register_forward_hook(lambda *_: heard.append("ran"))
    child = copied(model)
    assert child.shared is child.again is child.inside["shared"] is child.outside[0]
    assert child.shared is not shared
    assert child.own.copies
    assert child.state.lock is not model.state.lock
    assert vars(child)["table"] is vars(child)["same_table"]
    assert vars(child)["table"] is not table
    child.shared(torch.zeros(1, 2))
    assert heard == ["ran"]
    assert [*vars(child)] == [*vars(model)]
    assert {name: [*vars(each)] for name, each in child.named_modules() if name != "own"} == {
        name: [*vars(each)] for name, each in model.named_modules() if name != "own"
    }
    assert str(child) == str(model)


def test_what_refuses_to_be_copied_is_named_in_one_line() -> None:
    model = plain()
    model[2].recorder = threading.Lock()
    message = (
        "^Sequential: cannot be copied: 'recorder' of 2: cannot pickle '_thread.lock' object.$"
    )
    with pytest.raises(UnsupportedArchitecture, match=message):
        plantnas.widths(model, IMAGES)


def test_a_hook_that_refuses_to_be_copied_is_named_in_one_line() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def __call__(self, module: nn.Module, given: object, result: object) -> None:
            pass

    model = plain()
    model.register_forward_hook(Recorder())
    with pytest.raises(UnsupportedArchitecture, match="'_forward_hooks' of the model: cannot"):
        plantnas.widths(model, IMAGES)


class Empty(nn.Sequential):
    """A module of whose truth nothing may be asked."""

    def __bool__(self) -> bool:
        raise AssertionError("a module was asked for its truth")

    def __len__(self) -> int:
        raise AssertionError("a module was asked for its length")


def test_no_module_is_asked_for_its_truth() -> None:
    def made(width: int) -> Empty:
        return Empty(
            Empty(nn.Conv2d(3, width, 3)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 2),
        )

    small, teacher = made(4), made(8)
    donor = Donor(teacher, analyse(teacher, IMAGES))
    start = Initialisation(rows_of_donor, donor=donor)
    child = plantnas.plant(small, IMAGES, {"0.0": 4}, initialisation=start)
    rows = [each.get_parameter("0.0.weight")[4:] for each in (child, teacher)]
    assert torch.equal(*rows)
    for other in (
        plantnas.crop(teacher, IMAGES, {"0.0": 4}),
        plantnas.narrow(teacher, IMAGES, 0.5),
        plantnas.shrink(teacher, IMAGES, 0.5),
        plantnas.wired(teacher, IMAGES, [{"0.0": 4}]),
    ):
        assert other(IMAGES).shape == (2, 2)


def test_a_lazy_layer_that_has_not_run_is_named_in_one_line() -> None:
    lazy = nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    message = r"^Sequential: 0.weight belongs to a lazy layer, .* run the model once on images.$"
    with pytest.raises(UnsupportedArchitecture, match=message):
        plantnas.widths(lazy, IMAGES)
    lazy(IMAGES)
    assert plantnas.widths(lazy, IMAGES) == {"0": 8}


def test_a_script_module_is_refused_in_one_line() -> None:
    with pytest.raises(UnsupportedArchitecture, match="shows nothing of its operators"):
        plantnas.widths(torch.jit.script(plain()), IMAGES)


@pytest.mark.parametrize("given", [None, "resnet18", nn.Conv2d, torch.relu])
def test_what_is_no_module_is_refused_in_one_line(given: object) -> None:
    with pytest.raises(UnsupportedArchitecture, match=r"^model: .* torch.nn.Module is needed.$"):
        bare(given)  # type: ignore[arg-type]
