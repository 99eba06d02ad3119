"""Ridge regression: exact where it can be, finite where it cannot."""

import torch

from plantnas.channels.least_squares import ridge


def problems(samples: int, inputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    columns = torch.randn(3, samples, inputs, generator=generator)
    weights = torch.randn(3, inputs, 2, generator=generator)
    return columns, weights


def test_each_problem_finds_the_weights_that_made_its_outputs():
    columns, weights = problems(100, 7)
    torch.testing.assert_close(ridge(columns, columns @ weights, 1e-9), weights)


def test_what_is_found_does_not_depend_on_the_scale_of_the_inputs():
    columns, weights = problems(20, 7)
    outputs = columns @ weights
    scaled = ridge(columns * 1e-4, outputs, 0.1) * 1e-4
    torch.testing.assert_close(scaled, ridge(columns, outputs, 0.1), atol=1e-5, rtol=1e-4)


def test_it_minimises_error_and_penalty():
    columns, weights = problems(20, 7)
    outputs, strength = columns @ weights + 1, 0.1
    found = ridge(columns, outputs, strength).requires_grad_()
    penalty = strength * columns.square().sum(1).mean(1)
    error = (columns @ found - outputs).square().sum((1, 2))
    (error + penalty * found.square().sum((1, 2))).sum().backward()
    torch.testing.assert_close(found.grad, torch.zeros_like(found), atol=1e-3, rtol=0)


def test_more_inputs_than_samples_are_fitted():
    columns, weights = problems(5, 30)
    outputs = columns @ weights
    torch.testing.assert_close(columns @ ridge(columns, outputs, 1e-6), outputs, atol=1e-2, rtol=0)


def test_more_inputs_than_samples_have_the_weights_that_the_normal_equations_give():
    columns, _ = problems(5, 30)
    outputs, strength = columns[..., :2].double(), 0.1
    gram = columns.double().mT @ columns.double()
    penalty = strength * gram.diagonal(dim1=1, dim2=2).mean(1)
    weights = torch.linalg.solve(
        gram + penalty[:, None, None] * torch.eye(30), columns.double().mT @ outputs
    )
    torch.testing.assert_close(ridge(columns, outputs.float(), strength), weights.float())


def test_equations_are_as_many_as_samples_where_these_are_fewer():
    columns = torch.randn(1, 4, 200_000)  # inputs x inputs would be 300 GB
    assert ridge(columns, torch.ones(1, 4, 1), 1e-3).shape == (1, 200_000, 1)


def test_many_inputs_that_depend_on_each_other_are_fitted_to_a_ten_thousandth():
    generator = torch.Generator().manual_seed(0)
    factors = torch.randn(1, 200, 3, generator=generator)
    columns = factors @ torch.randn(1, 3, 20_000, generator=generator)
    outputs, precise = torch.randn(1, 200, 2, generator=generator), columns.double()
    gram = precise @ precise.mT
    gram.diagonal(dim1=1, dim2=2).add_(1e-3 * gram.diagonal(dim1=1, dim2=2).sum() / 20_000)
    expected = precise.mT @ torch.linalg.solve(gram, outputs.double())
    error = (ridge(columns, outputs, 1e-3).double() - expected).norm() / expected.norm()
    assert error < 1e-4


def test_inputs_that_are_the_same_share_the_weight():
    columns, weights = problems(50, 1)
    found = ridge(columns.expand(-1, -1, 4), columns @ weights, 1e-6)
    torch.testing.assert_close(found, (weights / 4).expand(-1, 4, -1))


def test_inputs_that_are_zero_have_no_weight():
    assert torch.equal(ridge(torch.zeros(1, 5, 3), torch.ones(1, 5, 2), 1e-3), torch.zeros(1, 3, 2))
