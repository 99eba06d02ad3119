"""A network's new channels fitted to what a trained network computes, without training.

Layer by layer, in the order in which they run, each new row of a convolution or linear layer is the
ridge regression of the trained layer's same channel on what the new network's own layers before it
compute: least-squares reconstruction as of He, Zhang and Sun, "Channel Pruning for Accelerating
Very Deep Neural Networks", ICCV 2017, arXiv 1707.06168. BatchNorms get the new network's own
statistics. It is one run over some images, at sampled places of each layer's output.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from plantnas.channels.initialising import Grown, Samples
from plantnas.channels.least_squares import ridge
from plantnas.channels.patches import LayerCall, layer_call
from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Structure
from plantnas.errors import PlantingError

PLACES = 12_000
"""Outputs of a layer that are sampled, over all images."""
FEWEST = 2_048
"""Outputs that are sampled however few inputs each has."""
A_COLUMN = 32
"""Outputs that are sampled for each of an output's inputs, if that is more."""
PENALTY = 1e-3
"""Of the regressions."""
FLOAT_BYTES = 4
GOLDEN = (5**0.5 - 1) / 2


def sampled(network: nn.Module, images: Tensor, limit: int = PLACES) -> Samples:
    """What the layers of a trained network compute at some places.

    Args:
        network: Left as it is.
        images: images x channels x height x width; some hundreds, which are run at once.
        limit: No layer is sampled at more places.
    """
    sampling = _Sampling(network, limit)
    with torch.no_grad(), _evaluated(network), sampling:
        network(images)
    return Samples(images, sampling.outputs)


def places_within(structure: Structure, memory: float) -> int:
    """At how many places each layer may be sampled, so that all samples take so many bytes."""
    of_a_place = FLOAT_BYTES * sum(structure.shapes[name][0] for name, _ in structure.weight_uses)
    return max(1, min(PLACES, int(memory / of_a_place)))


def reconstruct(grown: Grown) -> None:
    """Fits all new rows of a grown network to its donor's samples, and its new BatchNorm entries.

    Args:
        grown: Changed in place. Its new BatchNorm entries are the donor's; all else that is new may
            be anything.

    Raises:
        PlantingError: There is no donor, or there are no samples of it.
    """
    donor = grown.donor
    if donor is None or (samples := donor.samples) is None:
        raise PlantingError("There is no teacher whose outputs the new channels could fit.")
    fitting = _Fitting(grown, donor.structure, samples.outputs)
    with torch.no_grad(), _evaluated(grown.network), fitting:
        grown.network(samples.images)


def places_of(call: LayerCall) -> Tensor:
    """Which of a layer's outputs are sampled; with fewer inputs of each, fewer are.

    They are spread evenly by multiples of the golden ratio, and a shorter list is the start of a
    longer one: samples of a wide network are there for all narrower ones.
    """
    wanted = min(PLACES, max(FEWEST, A_COLUMN * call.inputs), call.outputs)
    if call.outputs <= PLACES:
        places = (torch.arange(call.outputs, dtype=torch.float64) * GOLDEN % 1).argsort()[:wanted]
    else:
        shares = torch.arange(wanted, dtype=torch.float64) * GOLDEN % 1
        places = (shares * call.outputs).long()
    return places.to(call.input.device)


class _Sampling(TorchFunctionMode):
    """Keeps what the layers of the network compute that runs under it."""

    def __init__(self, network: nn.Module, limit: int) -> None:
        super().__init__()
        self.outputs, self._limit = dict[str, Tensor](), limit
        self._names = _names(network)

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs the function, and keeps a layer's outputs the first time that it runs."""
        result, call = function(*args, **(kwargs or {})), layer_call(function, args, kwargs or {})
        name = self._names.get(id(call.weight)) if call else None
        if call is not None and name is not None and name not in self.outputs:
            places = places_of(call)[: self._limit]
            self.outputs[name] = _precise(call.outputs_at(result, places))
        return result


class _Fitting(TorchFunctionMode):
    """Fits the layers of the grown network that runs under it, each before it runs."""

    def __init__(self, grown: Grown, structure: Structure, outputs: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._changed, self._outputs = grown.changed, outputs
        self._names = _names(grown.network)
        self._given_rows = _given_rows(grown.structure, structure)
        self._has_statistics = any(name.endswith("running_var") for name in grown.structure.shapes)
        self._done = set[str]()

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Fits the layer, then runs it; a layer that runs again is as it was fitted first."""
        call = layer_call(function, args, kwargs or {})
        if call is not None:
            name = self._first_run(call.weight)
            if name is not None and name in self._outputs:
                self._fit_layer(call, name)
        elif function is F.batch_norm:
            norm = dict(zip(_BATCH_NORM, args, strict=False)) | dict(kwargs or {})
            name = self._first_run(norm["running_var"])
            if name is not None:
                self._fit_batch_norm(norm, name)
        return function(*args, **(kwargs or {}))

    def _first_run(self, tensor: Tensor | None) -> str | None:
        """The tensor's name if it has new entries and this is its layer's first run."""
        name = self._names.get(id(tensor))
        if name is None or name in self._done or name not in self._changed:
            return None
        self._done.add(name)
        return name

    def _fit_layer(self, call: LayerCall, name: str) -> None:
        """The new rows of a layer, with their bias, and its new columns."""
        new = call.by_group(self._changed[name])
        new_rows, weight = new.all(2), call.by_group(call.weight)
        weight = weight.masked_fill(new & ~new_rows.unsqueeze(2), 0)
        if not new_rows.any():
            call.set_weight(weight)  # of new columns alone
            return
        outputs, rows = self._outputs[name], self._given_rows.get(name, slice(None))
        places = places_of(call)[: len(outputs)]
        inputs = _precise(call.inputs_at(places))
        given = outputs[: len(places), rows].to(inputs).view(-1, *new_rows.shape).transpose(0, 1)
        means = [each.mean(1, keepdim=True) for each in (inputs, given)]
        if call.bias is None and not self._has_statistics:
            means = [mean.zero_() for mean in means]  # nothing else could take them up
        fitted = ridge(inputs - means[0], given - means[1], PENALTY)
        weight[new_rows] = fitted.mT[new_rows].to(weight)
        call.set_weight(weight)
        if call.bias is not None:
            biases = (means[1] - means[0] @ fitted).squeeze(1)
            call.bias.view(new_rows.shape)[new_rows] = biases[new_rows].to(weight)

    def _fit_batch_norm(self, norm: Mapping[str, Any], name: str) -> None:
        """The new entries' statistics; their scale and shift stay the donor's."""
        images, new = norm["input"], self._changed[name]
        channels = [dimension for dimension in range(images.ndim) if dimension != 1]
        # Twice over the images, but three times as fast as torch.var_mean on a CPU.
        mean = images.mean(channels, keepdim=True)
        variance = (images - mean).square_().mean(channels)
        norm["running_mean"][new], norm["running_var"][new] = mean.flatten()[new], variance[new]


_BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum")
"""The names of the function's arguments, in order."""


def _precise(values: Tensor) -> Tensor:
    """The values in float32 at least: sums of thousands are made of them."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _names(network: nn.Module) -> dict[int, str]:
    """The name of each parameter and buffer, by its id; the first, where it has several."""
    return {id(tensor): name for name, tensor in reversed(list(named_tensors(network).items()))}


def _given_rows(structure: Structure, donor: Structure) -> dict[str, Tensor]:
    """Which of the donor's rows are those of a narrower network, by weight."""
    return {
        axis.tensor: torch.cat(
            [
                torch.arange(taken.start, taken.stop)
                for _, taken in axis.stretches(structure.widths, donor.widths)
            ]
        )
        for axis in structure.axes
        if axis.role == "rows"
    }


@contextmanager
def _evaluated(network: nn.Module) -> Iterator[None]:
    """Eval mode; afterwards each module is in the mode that it was in."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
