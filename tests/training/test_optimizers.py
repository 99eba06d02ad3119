"""The optimiser of chosen entries: it moves them like torch's own, and nothing else at all."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from plantnas.config import Recipe
from plantnas.training.optimizers import EntryOptimizer, move_of, whole_network_optimizer

RECIPES = {
    "adam": Recipe(optimizer="adam"),
    "adamw with weight decay": Recipe(optimizer="adamw", weight_decay=0.1),
    "adam with weight decay": Recipe(optimizer="adam", weight_decay=0.1),
    "sgd with momentum and weight decay": Recipe(optimizer="sgd", weight_decay=0.1),
    "sgd without momentum": Recipe(optimizer="sgd", betas=(0.0, 0.9)),
}


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return RECIPES[request.param]


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 5, 3),
            nn.Flatten(),
            nn.Linear(5, 3),
        )


def masks() -> dict[str, Tensor]:
    """A planted last row of the second convolution, scattered entries of the classifier."""
    rows = torch.zeros(5, 4, 3, 3, dtype=torch.bool)
    rows[4] = True
    bias = torch.tensor([False, False, False, False, True])
    generator = torch.Generator().manual_seed(0)
    scattered = torch.rand(3, 5, generator=generator) < 0.5
    nothing = torch.zeros(4, dtype=torch.bool)
    return {"2.weight": rows, "2.bias": bias, "4.weight": scattered, "1.weight": nothing}


def train(module: nn.Module, optimizer: EntryOptimizer | torch.optim.Optimizer) -> None:
    """Six steps, all gradients of which are large."""
    generator = torch.Generator().manual_seed(1)
    for step in range(6):
        if isinstance(optimizer, EntryOptimizer):
            optimizer.set_learning_rate(0.02 * (step + 1))
        else:
            optimizer.param_groups[0]["lr"] = 0.02 * (step + 1)
        optimizer.zero_grad()
        module(torch.randn(8, 1, 5, 5, generator=generator)).square().sum().backward()
        optimizer.step()


def torch_optimizer(parameters: ParamsT, recipe: Recipe) -> torch.optim.Optimizer:
    """Torch's own class with the settings of a recipe."""
    rate, decay, betas = recipe.peak, recipe.weight_decay, recipe.betas
    if recipe.optimizer == "sgd":
        is_nesterov, momentum = betas[0] > 0, betas[0]
        return torch.optim.SGD(parameters, rate, momentum, 0.0, decay, is_nesterov)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    return kind(parameters, rate, betas, weight_decay=decay, fused=True)


def test_a_step_is_torchs_own_to_the_last_bit(recipe: Recipe) -> None:
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(40, generator=generator)
    parameter = nn.Parameter(values.clone())
    ours, torchs = move_of(values, recipe), torch_optimizer([parameter], recipe)
    for step in range(1, 7):
        gradients, rate = torch.randn(40, generator=generator), 0.02 * step
        parameter.grad, torchs.param_groups[0]["lr"] = gradients.clone(), rate
        torchs.step()
        ours(gradients, rate)
        assert torch.equal(values, parameter)


def test_no_compiler_is_imported_to_train() -> None:
    """It takes two seconds of each worker."""
    code = """
import sys
import torch
from torch import nn
from plantnas.channels.groups import analyse
from plantnas.channels.reconstruction import sampled
from plantnas.config import Recipe
from plantnas.networks.plain import plain
from plantnas.training.optimizers import whole_network_optimizer
network = plain(num_classes=3)
analyse(network, torch.zeros(1, 3, 8, 8))
optimizer = whole_network_optimizer(network, Recipe())
network(torch.zeros(2, 3, 8, 8)).sum().backward()
optimizer.step()
sampled(network, torch.zeros(2, 3, 8, 8))  # as of a teacher that channels are fitted to
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_entries_that_are_not_chosen_stay_bit_identical(recipe: Recipe) -> None:
    module, chosen, before = network(), masks(), network().state_dict()
    train(module, EntryOptimizer(module, chosen, recipe))
    for name, parameter in module.named_parameters():
        earlier = ~chosen.get(name, torch.zeros(parameter.shape, dtype=torch.bool))
        assert torch.equal(parameter[earlier], before[name][earlier]), name


def test_every_chosen_entry_moves(recipe: Recipe) -> None:
    module, chosen, before = network(), masks(), network().state_dict()
    train(module, EntryOptimizer(module, chosen, recipe))
    state = module.state_dict()
    for name, mask in chosen.items():
        assert (state[name][mask] != before[name][mask]).all(), name


def test_a_whole_network_moves_as_torchs_own_optimizer_moves_it(recipe: Recipe) -> None:
    ours, torchs = network(), network()
    train(ours, whole_network_optimizer(ours, recipe))
    train(torchs, torch_optimizer(list(torchs.parameters()), recipe))
    for name, tensor in torchs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


def test_chosen_entries_move_as_torchs_own_optimizer_would_move_them(recipe: Recipe) -> None:
    module, whole = nn.Linear(6, 5, bias=False), nn.Linear(6, 5, bias=False)
    whole.load_state_dict(module.state_dict())
    mask = torch.rand(5, 6, generator=torch.Generator().manual_seed(2)) < 0.5
    ours = EntryOptimizer(module, {"weight": mask}, recipe)
    torchs = torch_optimizer(list(whole.parameters()), recipe)
    generator = torch.Generator().manual_seed(1)
    for _ in range(6):
        ours.zero_grad()
        torchs.zero_grad()
        # A loss that is linear in the weights: every entry has a gradient of its own.
        factors = torch.randn(5, 6, generator=generator)
        (module.weight * factors).sum().backward()
        (whole.weight * factors).sum().backward()
        ours.step()
        torchs.step()
    torch.testing.assert_close(module.weight[mask], whole.weight[mask], rtol=1e-6, atol=1e-7)


def test_an_entry_moves_at_its_own_multiple_of_the_learning_rate(recipe: Recipe) -> None:
    """As torch's own optimiser moves it with param_groups of those rates."""
    module = nn.Linear(6, 2, bias=False)
    start = module.weight.detach().clone()
    rates = torch.tensor([[0.0, 1.0, 0.1, 0.1, 1.0, 0.0], [0.1, 0.0, 0.0, 1.0, 1.0, 0.1]])
    fast, slow = (nn.Parameter(start[rates == rate].clone()) for rate in (1.0, torch.tensor(0.1)))
    torchs = torch_optimizer([{"params": [fast]}, {"params": [slow]}], recipe)
    ours = EntryOptimizer(module, {"weight": rates}, recipe)
    generator = torch.Generator().manual_seed(1)
    for step in range(1, 4):
        ours.set_learning_rate(0.02 * step)
        for group, factor in zip(torchs.param_groups, (1.0, 0.1), strict=True):
            group["lr"] = 0.02 * step * factor
        ours.zero_grad()
        torchs.zero_grad()
        factors = torch.randn(2, 6, generator=generator)
        (module.weight * factors).sum().backward()
        (fast @ factors[rates == 1.0] + slow @ factors[rates == torch.tensor(0.1)]).backward()
        ours.step()
        torchs.step()
    assert torch.equal(module.weight[rates == 0], start[rates == 0])
    torch.testing.assert_close(module.weight[rates == 1.0], fast, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(
        module.weight[rates == torch.tensor(0.1)], slow, rtol=1e-5, atol=1e-7
    )


def test_parameters_without_chosen_entries_get_no_gradient() -> None:
    module = network()
    optimizer = EntryOptimizer(module, masks(), Recipe())
    train(module, optimizer)
    with_gradient = {name for name, each in module.named_parameters() if each.grad is not None}
    assert with_gradient == {"2.weight", "2.bias", "4.weight"}
    assert not module[0].weight.requires_grad


def test_no_gradient_goes_below_the_first_chosen_entry() -> None:
    module = network()
    EntryOptimizer(module, masks(), Recipe())
    features = module[1](module[0](torch.randn(2, 1, 5, 5)))
    assert not features.requires_grad


def test_gradients_are_forgotten_between_steps() -> None:
    module = network()
    optimizer = EntryOptimizer(module, masks(), Recipe())
    train(module, optimizer)
    optimizer.zero_grad()
    assert all(not each.grad.any() for each in module.parameters() if each.grad is not None)


def test_the_number_of_trained_entries_is_that_of_the_masks() -> None:
    chosen = masks()
    optimizer = EntryOptimizer(network(), chosen, Recipe())
    assert optimizer.trained_entries == sum(int(mask.sum()) for mask in chosen.values())


def test_making_the_optimizer_changes_no_value() -> None:
    module = network()
    EntryOptimizer(module, masks(), Recipe())
    for name, tensor in network().state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor)


def test_a_network_can_be_trained_by_one_optimizer_after_another() -> None:
    module = network()
    for _ in range(2):
        before = module[4].weight.clone()
        train(module, EntryOptimizer(module, masks(), Recipe()))
        assert not torch.equal(module[4].weight, before)


def test_entries_are_pulled_towards_where_they_started(recipe: Recipe) -> None:
    """A step is that of the optimiser, then the learning rate times `l2_sp` of the way back."""
    module = nn.Linear(6, 2, bias=False)
    start = module.weight.detach().clone()
    rates = torch.tensor([[0.0, 1.0, 0.1, 0.1, 1.0, 0.0], [0.1, 0.0, 0.0, 1.0, 1.0, 0.1]])
    held = EntryOptimizer(module, {"weight": rates}, recipe, l2_sp=5.0)
    fast, slow = (nn.Parameter(start[rates == rate].clone()) for rate in (1.0, torch.tensor(0.1)))
    starts = [fast.detach().clone(), slow.detach().clone()]
    torchs = torch_optimizer([{"params": [fast]}, {"params": [slow]}], recipe)
    for step in range(1, 4):
        held.set_learning_rate(0.02 * step)
        held.zero_grad()
        module.weight.square().sum().backward()
        held.step()
        torchs.zero_grad()
        (fast.square().sum() + slow.square().sum()).backward()
        for group, factor in zip(torchs.param_groups, (1.0, 0.1), strict=True):
            group["lr"] = 0.02 * step * factor
        torchs.step()
        for entries, origin, factor in zip((fast, slow), starts, (1.0, 0.1), strict=True):
            entries.detach().lerp_(origin, 5.0 * 0.02 * step * factor)
        torch.testing.assert_close(module.weight[rates == 1.0], fast)
        torch.testing.assert_close(module.weight[rates == torch.tensor(0.1)], slow)


def test_a_pull_never_overshoots() -> None:
    module = nn.Linear(3, 3)
    before = module.weight.detach().clone()
    optimizer = whole_network_optimizer(module, Recipe(), l2_sp=1e6)
    optimizer.set_learning_rate(0.5)
    module(torch.ones(2, 3)).square().sum().backward()
    optimizer.step()
    assert torch.equal(module.weight, before)
