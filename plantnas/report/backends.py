"""What runs a network when it is timed: torch, an exported program, or onnxruntime, by name."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from plantnas.errors import ConfigurationError, did_you_mean
from plantnas.report.export.formats import checked_format, exporting

Run = Callable[[], object]
"""A network with a batch, on a device."""


def by_torch(network: nn.Module, batch: Tensor) -> Run:
    """The module itself."""
    return lambda: network(batch)


def by_export(network: nn.Module, batch: Tensor) -> Run:
    """A program of torch.export, for batches of this size."""
    with exporting(network, "torch.export"):
        program = torch.export.export(network, (batch,)).module()
    return lambda: program(batch)


def by_onnxruntime(network: nn.Module, batch: Tensor) -> Run:
    """A model of ONNX, on one thread of the CPU."""
    checked_format("onnx", None)  # which tells what is not installed
    import onnxruntime

    if batch.device.type != "cpu":
        raise ConfigurationError(
            f"backend 'onnxruntime': runs on the device cpu alone, not on {batch.device}."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with exporting(network, "torch.onnx"):
        program = torch.export.export(network, (batch,))
        exported = torch.onnx.export(program, input_names=["images"], dynamo=True, verbose=False)
        assert exported is not None
        content = exported.model_proto.SerializeToString()
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    given = {"images": batch.numpy()}
    return lambda: session.run(None, given)


BACKENDS: Mapping[str, Callable[[nn.Module, Tensor], Run]] = {
    "torch": by_torch,
    "torch.export": by_export,
    "onnxruntime": by_onnxruntime,
}
"""What runs a network, by name."""


def run_of(
    network: nn.Module,
    example: Tensor,
    batch_size: int = 1,
    backend: str = "torch",
    device: str = "cpu",
) -> Run:
    """A network with a batch of random inputs, ready to run; it has run once.

    Args:
        network: In any mode; its weights do not matter.
        example: At least one of its inputs.
        batch_size: Inputs of the batch.
        backend: One of `BACKENDS`.
        device: The name of torch's device.

    Raises:
        ConfigurationError: There is no such backend, it is not installed, or cannot run there.
        UnsupportedArchitecture: It cannot run the network.
    """
    if backend not in BACKENDS:
        raise ConfigurationError(f"backend {backend!r}: unknown. {did_you_mean(backend, BACKENDS)}")
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(batch_size, *example.shape[1:], generator=generator).to(device)
    with torch.no_grad():
        run = BACKENDS[backend](network.to(device).eval(), batch)
        run()
    return run
