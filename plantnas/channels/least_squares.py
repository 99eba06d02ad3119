"""Ridge regression by the normal equations, many at once."""

import torch
from torch import Tensor


def ridge(columns: Tensor, outputs: Tensor, strength: float) -> Tensor:
    """The weights W that minimise |columns W - outputs|^2 + penalty |W|^2.

    The penalty is `strength` times the columns' mean square norm: what is fitted does not depend on
    the scale of its inputs. It also makes the equations solvable where columns are zero or depend
    on each other, or are more than the samples; they are solved in float64.

    Args:
        columns: problems x samples x inputs.
        outputs: problems x samples x outputs.
        strength: Over 0.

    Returns:
        problems x inputs x outputs, of the columns' type and device; 0 where all columns are.
    """
    # The sums are exact to float32's 1e-7, far below any strength of use. Solved on the CPU: not
    # every accelerator has float64, and the matrices are small.
    gram = (columns.mT @ columns).double().cpu()
    moments = (columns.mT @ outputs).double().cpu()
    penalty = strength * gram.diagonal(dim1=-2, dim2=-1).mean(-1)
    penalty = penalty.clamp_min(torch.finfo(torch.float64).tiny ** 0.5)
    gram.diagonal(dim1=-2, dim2=-1).add_(penalty.unsqueeze(-1))
    return torch.cholesky_solve(moments, torch.linalg.cholesky(gram)).to(columns)
