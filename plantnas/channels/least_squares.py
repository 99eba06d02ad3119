"""Ridge regression by the normal equations, many at once."""

import torch
from torch import Tensor


def ridge(columns: Tensor, outputs: Tensor, strength: float) -> Tensor:
    """The weights W that minimise |columns W - outputs|^2 + penalty |W|^2.

    The penalty is `strength` times the columns' mean square norm: what is fitted does not depend on
    the scale of its inputs. It also makes the equations solvable where columns are zero or depend
    on each other, or are more than the samples; they are solved in float64. There are as many as
    inputs or as samples, whichever are fewer: a linear layer has tens of thousands of inputs.

    Args:
        columns: problems x samples x inputs.
        outputs: problems x samples x outputs.
        strength: Over 0.

    Returns:
        problems x inputs x outputs, of the columns' type and device; 0 where all columns are.
    """
    samples, inputs = columns.shape[-2:]
    if samples < inputs:  # columns^T (columns columns^T + penalty)^-1 outputs: the same weights
        # In float64: a share of so many inputs may be less than float32's sums are exact to.
        precise = columns.double().cpu()
        solved = _solved(precise @ precise.mT, outputs, strength / inputs)
        return (precise.mT @ solved).to(columns)
    return _solved(columns.mT @ columns, columns.mT @ outputs, strength / inputs).to(columns)


def _solved(gram: Tensor, moments: Tensor, strength: float) -> Tensor:
    """What gives the moments, by the gram matrix with a penalty of `strength` times its trace."""
    # Float32's sums of a column's samples are exact to 1e-7, far below any strength of use. Solved
    # on the CPU: not every accelerator has float64, and the matrices are small.
    gram, moments = gram.double().cpu(), moments.double().cpu()
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    penalty = strength * diagonal.sum(-1, keepdim=True)
    diagonal.add_(penalty.clamp_min(torch.finfo(torch.float64).tiny ** 0.5))
    return torch.cholesky_solve(moments, torch.linalg.cholesky(gram))
