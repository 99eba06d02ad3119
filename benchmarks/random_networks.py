"""Random small networks of every kind of block, operator, container and arithmetic, for fuzzing.

Half of what is here keeps channels apart, the other half must freeze groups or be refused; what is
which, is for the analysis to find. How they are checked is in fuzz_networks.py.
"""

import math
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE = 8
"""Height and width of the images, and of all activations before the head."""

Made = tuple[nn.Module, int]
"""A block, and how many channels come out of it."""


class Block(nn.Module):
    """Some layers, and what is done with them and the block's input."""

    def __init__(self, code: Callable[..., Any], *layers: Any) -> None:
        super().__init__()
        self.code = code
        for number, layer in enumerate(layers):
            setattr(self, f"layer{number}", layer)
        self.names = [f"layer{number}" for number in range(len(layers))]

    def forward(self, x: Any) -> Any:
        """What the code makes of it."""
        return self.code(x, *(getattr(self, name) for name in self.names))


@dataclass
class Held:
    """An activation on its way."""

    x: Tensor
    beside: Any = None


class Answer(OrderedDict[str, Any]):
    """An output as transformers has it: a dict whose values are attributes too."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits=logits)
        self.logits = logits


def _convolution(columns: int, rows: int, groups: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(columns, rows, size, padding=size // 2, groups=groups),
        nn.BatchNorm2d(rows),
        nn.ReLU(),
    )


def _plain(rng: Random, width: int) -> Made:
    rows = rng.randint(1, 5)
    return _convolution(width, rows, size=rng.choice((1, 3))), rows


def _residual(rng: Random, width: int) -> Made:
    inner = rng.randint(1, 4)
    layers = _convolution(width, inner), _convolution(inner, width)
    return Block(lambda x, one, two: x + two(one(x)), *layers), width


def _dense(rng: Random, width: int) -> Made:
    new = rng.randint(1, 3)
    return Block(
        lambda x, layer: torch.cat([layer(x), x], 1), _convolution(width, new)
    ), width + new


def _depthwise(rng: Random, width: int) -> Made:
    times = rng.choice((1, 2))
    return _convolution(width, times * width, groups=width), times * width


def _grouped(rng: Random, width: int) -> Made:
    half = rng.randint(1, 3)
    layers = _convolution(width, 2 * half), _convolution(2 * half, 2 * half, groups=2)
    return nn.Sequential(*layers), 2 * half


def _excitation(rng: Random, width: int) -> Made:
    inner = rng.randint(1, 3)
    layers = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)
    return Block(
        lambda x, squeeze, excite: x * excite(squeeze(x.mean((2, 3), keepdim=True))).sigmoid(),
        *layers,
    ), width


def _one_gate(rng: Random, width: int) -> Made:
    return Block(lambda x, gate: x * gate(x).sigmoid(), nn.Conv2d(width, 1, 3, padding=1)), width


def _scale(rng: Random, width: int) -> Made:
    shape = rng.choice(((width, 1, 1), (1, width, 1, 1), (1,), (1, 1, 1)))
    return Block(lambda x, scale: x * scale, nn.Parameter(torch.rand(shape) + 0.5)), width


def _slopes(rng: Random, width: int) -> Made:
    return nn.PReLU(rng.choice((1, width))), width


def _halves(rng: Random, width: int) -> Made:
    half = rng.randint(1, 3)
    parted = rng.choice(
        (
            lambda x: x.chunk(2, 1),
            lambda x: x.split(x.shape[1] // 2, 1),
            lambda x: x.split(half, 1),
            lambda x: (x[:, :half], x[:, half:]),
            lambda x: x.unflatten(1, (2, -1)).unbind(1),
        )
    )

    def code(x: Tensor, layer: nn.Module) -> Tensor:
        value, gate = parted(layer(x))
        return torch.as_tensor(value * gate.sigmoid())

    return Block(code, nn.Conv2d(width, 2 * half, 1)), half


def _shuffle(rng: Random, width: int) -> Made:
    def code(x: Tensor, layer: nn.Module) -> Tensor:
        x = layer(x)
        parts = x.view(len(x), 2, x.shape[1] // 2, *x.shape[2:])
        return parts.transpose(1, 2).reshape(x.shape)

    half = rng.randint(1, 3)
    return Block(code, nn.Conv2d(width, 2 * half, 1)), 2 * half


def _up(rng: Random, width: int) -> Made:
    rows = rng.randint(1, 4)
    layer = nn.ConvTranspose2d(width, rows, 2, 2)
    return Block(lambda x, layer: F.avg_pool2d(layer(x), 2), layer), rows


def _twice(rng: Random, width: int) -> Made:
    layer = nn.Conv2d(width, width, 3, padding=1)
    return Block(lambda x, layer: layer(layer(x).relu()), layer), width


def _channels_last(rng: Random, width: int) -> Made:
    rows = rng.randint(1, 4)
    return Block(
        lambda x, layer: layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.Linear(width, rows)
    ), rows


def _normalised(rng: Random, width: int) -> Made:
    layers = (
        nn.GroupNorm(1, width),
        nn.GroupNorm(width, width),
        nn.InstanceNorm2d(width, affine=True),
        nn.LayerNorm([width, SIZE, SIZE]),
        nn.LocalResponseNorm(2),
    )
    return rng.choice(layers), width


def _held(rng: Random, width: int) -> Made:
    """Activations pass between modules in an object."""
    rows = rng.randint(1, 3)
    inner = Block(lambda held, layer: Held(layer(held.x), [held.x]), nn.Conv2d(width, rows, 1))

    def code(x: Tensor, inner: nn.Module) -> Tensor:
        held = inner(Held(x))
        return torch.cat([held.x, *held.beside], 1)

    return Block(code, inner), width + rows


class _Kept(nn.Module):
    """Activations that a module and a hook keep; an auxiliary output is only kept."""

    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        self.conv, self.aside = nn.Conv2d(width, rows, 1), nn.Conv2d(rows, 2, 1)
        self.conv.register_forward_hook(self.keep)

    def keep(self, module: nn.Module, given: Any, output: Tensor) -> None:
        self.kept = [output.relu()]

    def forward(self, x: Tensor) -> Tensor:
        self.conv(x)
        self.score = self.aside(self.kept[-1])
        return self.kept[-1]


def _kept(rng: Random, width: int) -> Made:
    rows = rng.randint(1, 4)
    return _Kept(width, rows), rows


OPERATORS: Mapping[str, Callable[[Any], Any]] = {
    "gelu": F.gelu,
    "softplus": F.softplus,
    "hardswish": F.hardswish,
    "leaky": lambda x: F.leaky_relu(x, 0.1),
    "in place": lambda x: x.clone().relu_().mul_(0.5),
    "exp": lambda x: x.clamp(max=2).exp(),
    "pow": lambda x: x**2,
    "rational": lambda x: 1 / (1 + x.square()),
    "alpha": lambda x: torch.add(x, x.relu(), alpha=0.5),
    "lerp": lambda x: torch.lerp(x, x.relu(), 0.3),
    "addcmul": lambda x: torch.addcmul(x, x, x, value=0.1),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "masked": lambda x: x.masked_fill(x < 0, 0.0),
    "maximum": lambda x: torch.maximum(x, x.mean((2, 3), keepdim=True)),
    "cumsum": lambda x: x.cumsum(2) / 8,
    "flip": lambda x: x.flip(3),
    "flip of channels": lambda x: x.flip(1),
    "sort": lambda x: x.sort(3)[0],
    "sort of channels": lambda x: x.sort(1)[0],
    "softmax": lambda x: F.softmax(x, 2),
    "softmax of channels": lambda x: F.softmax(x, 1),
    "softmax of pixels": lambda x: F.softmax(x.flatten(2), -1).view_as(x),
    "unit length": lambda x: F.normalize(x, dim=1),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "norm of pixels": lambda x: F.layer_norm(x, x.shape[2:]),
    "centred": lambda x: x - x.mean((2, 3), keepdim=True),
    "centred by keyword": lambda x: x - torch.mean(x, dim=(2, 3), keepdim=True),
    "centred by axis": lambda x: x - x.mean(axis=(-1, -2), keepdims=True),
    "centred channels": lambda x: x - x.mean(1, keepdim=True),
    "largest": lambda x: x + x.amax((2, 3), keepdim=True),
    "largest by axis": lambda x: x + x.amax(axis=1, keepdims=True),
    "sum": lambda x: x + x.sum(-1, keepdim=True) / 8,
    "spread": lambda x: x + x.var((2, 3), keepdim=True),
    "logsumexp": lambda x: x + x.logsumexp(1, keepdim=True),
    "transposed": lambda x: x.transpose(2, 3),
    "permuted": lambda x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
    "by axes": lambda x: torch.swapaxes(x, axis0=2, axis1=3),
    "moved": lambda x: x.movedim(1, -1).movedim(-1, 1),
    "flat pixels": lambda x: x.flatten(2).unflatten(2, (SIZE, SIZE)),
    "flat": lambda x: x.flatten(1).view(x.shape),
    "reshaped": lambda x: x.reshape(len(x), x.shape[1], -1).reshape(x.shape),
    "mixed": lambda x: x.reshape(len(x), -1, x.shape[1]).transpose(1, 2).reshape(x.shape),
    "rolled": lambda x: x.roll((1, 2), (2, 3)),
    "rolled channels": lambda x: x.roll(1, 1),
    "padded": lambda x: F.pad(x, (1, 1, 1, 1))[:, :, 1:-1, 1:-1],
    "resized": lambda x: F.avg_pool2d(F.interpolate(x, scale_factor=2), 2),
    "pooled": lambda x: F.max_pool2d(x, 3, 1, 1),
    "pooled along rows": lambda x: F.avg_pool1d(x.flatten(2), 3, 1, 1).view(x.shape),
    "pooled images": lambda x: torch.stack([F.avg_pool2d(each, 3, 1, 1) for each in x.unbind(0)]),
    "pooled channels": lambda x: F.max_pool1d(
        x.permute(0, 2, 3, 1).flatten(0, 1), 1
    ).unflatten(0, (len(x), SIZE)).permute(0, 3, 1, 2),
    "pooled without a batch": lambda x: F.avg_pool2d(x.flatten(0, 1), 3, 1, 1).view(x.shape),
    "blurred": lambda x: F.conv2d(
        x, x.new_ones(x.shape[1], 1, 3, 3) / 9, padding=1, groups=x.shape[1]
    ),
    "matmul": lambda x: x.matmul(torch.ones(SIZE, SIZE, dtype=x.dtype, device=x.device) / 8),
    "attention": lambda x: torch.einsum("bchw,bcvw->bchv", x, x) / 8,
    "einsum": lambda x: torch.einsum("bchw->bcwh", x),
    "stacked": lambda x: torch.stack([x, x.relu()], 1).sum(1),
    "stacked channels": lambda x: torch.stack(x.unbind(1), 1),
    "repeated": lambda x: x.repeat(1, 2, 1, 1)[:, : x.shape[1]],
    "unbound": lambda x: torch.stack(x.unbind(2), 2),
    "one channel": lambda x: x * x[:, :1],
    "one and others": lambda x: torch.cat([x[:, :1], x[:, 1:]], 1),
    "last channel": lambda x: x + x.select(1, -1).unsqueeze(1),
    "selected": lambda x: x.index_select(1, torch.arange(x.shape[1], device=x.device)),
    "expanded": lambda x: x + x.mean((2, 3), keepdim=True).expand_as(x),
    "dropped": lambda x: F.dropout2d(x, 0.1, training=False),
    "ones": lambda x: x * torch.ones_like(x),
    "position": lambda x: x + torch.linspace(0, 1, SIZE, dtype=x.dtype, device=x.device),
    "squeezed": lambda x: x.mean((2, 3), keepdim=True).squeeze()[..., None, None] + x,
}  # fmt: skip

SCALARS: Mapping[str, Callable[[Tensor], Any]] = {
    "root": lambda x: x / math.sqrt(x.shape[1]),
    "inverse": lambda x: (1 / x.size(1)) * x,
    "share": lambda x: F.dropout(x, 1 / (1 + x.shape[1]), training=False),
    "bound": lambda x: x.clamp(max=x.shape[1]),
    "slope": lambda x: F.leaky_relu(x, 1 / x.shape[1]),
    "decision": lambda x: 2 * x if x.shape[1] > 3 else x,
    "tensor": lambda x: x * torch.tensor(x.shape[1] ** -0.5, dtype=x.dtype, device=x.device),
    "filled": lambda x: x + x.new_full((1,), x.shape[1]),
    "part": lambda x: torch.cat(
        [x[:, : int(x.shape[1] * 0.5)].relu(), x[:, int(x.shape[1] * 0.5) :]], 1
    ),
    "counted": lambda x: x + sum(x.shape),
    "rounded": lambda x: x * (1 + x.shape[1] // 3),
    "sizes alone": lambda x: x.view(x.shape[0], x.shape[1], -1).view(x.shape),
}

BLOCKS: tuple[Callable[[Random, int], Made], ...] = (
    *(_plain, _residual, _dense, _depthwise, _grouped, _excitation, _one_gate, _scale, _slopes),
    *(_halves, _shuffle, _up, _twice, _channels_last, _normalised, _held, _kept),
)

HOLDERS: Mapping[str, Callable[[Tensor], Any]] = {
    "tensor": lambda x: x,
    "tuple": lambda x: (x, 3),
    "dict": lambda x: {"logits": x},
    "dataclass": Held,
    "subclass of dict": Answer,
    "UserDict": lambda x: UserDict(logits=x),
    "namespace": lambda x: SimpleNamespace(logits=[x]),
    "deque": lambda x: deque([x]),
    "generator": lambda x: (each for each in [x]),
}


def _heads(width: int) -> tuple[nn.Module, ...]:
    pool = nn.AdaptiveAvgPool2d
    return (
        nn.Sequential(pool(1), nn.Flatten(), nn.Linear(width, 3)),
        nn.Sequential(pool(2), nn.Flatten(), nn.Linear(4 * width, 6), nn.ReLU(), nn.Linear(6, 3)),
        nn.Sequential(nn.Conv2d(width, 3, 1), pool(1), nn.Flatten()),
        Block(lambda x, layer: layer(x.mean((2, 3)).squeeze()), nn.Linear(width, 3)),
        Block(lambda x, layer: layer(F.adaptive_avg_pool2d(x, 1).squeeze()), nn.Linear(width, 3)),
        Block(lambda x, layer: layer(x.amax((2, 3))), nn.Linear(width, 3)),
    )


def random_network(rng: Random) -> nn.Module:
    """A stem, up to five blocks with operators between them, and a head; in float64.

    Its weights are drawn by torch's default generator.
    """
    width = rng.randint(1, 5)
    blocks: list[nn.Module] = [_convolution(3, width)]
    for _ in range(rng.randint(0, 5)):
        block, width = rng.choice(BLOCKS)(rng, width)
        blocks.append(block)
        if rng.random() < 0.3:
            blocks.append(Block(rng.choice(list(OPERATORS.values()))))
        if rng.random() < 0.1:
            blocks.append(Block(rng.choice(list(SCALARS.values()))))
    blocks.append(rng.choice(_heads(width)))
    if rng.random() < 0.3:
        blocks.append(Block(rng.choice(list(HOLDERS.values()))))
    return nn.Sequential(*blocks).double()
