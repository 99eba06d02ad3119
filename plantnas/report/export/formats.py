"""Networks as files for elsewhere: a state_dict, a torch.export program (.pt2) or ONNX.

Each is checked before it is written. Which network of a study is saved is decided in
report/export/choice.py; a whole lineage in one file is in records/family.py.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in
from plantnas.errors import (
    ConfigurationError,
    UnsupportedArchitecture,
    did_you_mean,
    first_line,
    missing,
)
from plantnas.records.record import StudyRecord
from plantnas.training.answers import Answering

Format = Literal["state-dict", "pt2", "onnx"]
SUFFIXES: dict[Format, str] = {"state-dict": ".pt", "pt2": ".pt2", "onnx": ".onnx"}
_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

SNIPPET = """\
import plantnas, torch

state = torch.load({path!r}, weights_only=True)
about = state._metadata["plantnas"]
network = plantnas.build_network(**about["network"])
network = plantnas.narrow(network, torch.zeros(about["images"]), about["widths"])
network.eval().load_state_dict(state)
"""
"""Loads a state_dict file with torch and plantnas alone."""

WIRED_SNIPPET = SNIPPET.replace(
    "network.eval()",
    """\
network = plantnas.wired(network, torch.zeros(about["images"]), about["ancestors"])
network.eval()""",
)
"""The same for a network of triangular wiring."""

OTHER_SNIPPET = "".join(line for line in SNIPPET.splitlines(True) if "narrow" not in line)
"""The same for a teacher of another architecture, which has no widths."""


def checked_format(name: str | None, output: Path | None) -> Format:
    """The format of that name, or of the output's ending; what it needs is installed.

    Raises:
        ConfigurationError: It is unknown, or the extra `onnx` is not installed.
    """
    if name is None:
        ending = output.suffix if output else ""
        name = next((each for each, suffix in SUFFIXES.items() if suffix == ending), "state-dict")
    if name not in SUFFIXES:
        raise ConfigurationError(f"format {name!r}: unknown. {did_you_mean(name, SUFFIXES)}")
    absent = [package for package in _ONNX_PACKAGES if find_spec(package) is None]
    if name == "onnx" and absent:
        raise ConfigurationError(f"format 'onnx': {missing(absent[0], 'onnx')}")
    return next(each for each in SUFFIXES if each == name)


def about_network(
    study_record: StudyRecord,
    widths: Mapping[str, int],
    ancestors: Sequence[Mapping[str, int]] = (),
) -> dict[str, Any]:
    """What another program must know of a network beside its weights, as JSON has it.

    Returns:
        `network`: arguments of `build_network`; `widths` of the channel groups, none of a teacher
        of another architecture; `images`: the shape of two; `mean` and `std` by which pixels, 0 to
        255, are normalised, a number a channel, none where the network takes the inputs as they
        are; `task`: what it has learnt; of a network whose wiring is triangular, `ancestors`: the
        widths of the networks inside it.
    """
    space, images = study_record.search_space, study_record.images
    if not widths:
        space = space.of_teacher
    return {
        "study": study_record.name,
        "network": {
            "architecture": space.architecture,
            "num_classes": images.num_classes,
            "in_channels": images.channels,
            "arguments": space.arguments,
        },
        "widths": widths,
        "images": [2, *images.sizes],
        "mean": images.mean,
        "std": images.std,
        "task": images.task,
        **({"ancestors": list(map(dict, ancestors))} if ancestors else {}),
    }


def state_dict_file(network: nn.Module, about: dict[str, Any]) -> bytes:
    """A plain state_dict as `torch.load` reads it, with `about` in its `_metadata`."""
    state: Any = network.state_dict()
    state._metadata["plantnas"] = about
    file = BytesIO()
    torch.save(state, file)
    return file.getvalue()


def program_file(network: nn.Module, images: Tensor, about: dict[str, Any]) -> tuple[bytes, float]:
    """A torch.export program for any number of images; `about` is its file `plantnas.json`.

    Args:
        network: In eval mode.
        images: Normalised, at least two, images x channels x height x width, to check it on.
        about: What `about_network` says.

    Returns:
        The file, and the largest difference of a logit between the network and the loaded file.

    Raises:
        UnsupportedArchitecture: torch cannot export the network, or not so that it is the same.
    """
    file = BytesIO()
    with exporting(network, "torch.export"):
        about_file = {"plantnas.json": json.dumps(about)}
        torch.export.save(_program(network, images), file, extra_files=about_file)
        file.seek(0)
        run = torch.export.load(file).module()
        difference = _largest_difference(network, run, images)
    return file.getvalue(), difference


def onnx_file(network: nn.Module, images: Tensor, about: dict[str, Any]) -> tuple[bytes, float]:
    """An ONNX model of `images` to `logits`, with `about` in its metadata.

    Arguments, errors and what is returned are as for `program_file`; it is run by onnxruntime.
    """
    import onnxruntime

    with exporting(network, "torch.onnx"):
        exported = torch.onnx.export(
            _program(network, images),
            input_names=["images"],
            output_names=["logits"],
            dynamo=True,
            verbose=False,
        )
        assert exported is not None
        exported.model.metadata_props["plantnas"] = json.dumps(about)
        content: bytes = exported.model_proto.SerializeToString()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

        def run(batch: Tensor) -> Tensor:
            return torch.from_numpy(session.run(["logits"], {"images": batch.numpy()})[0])

        difference = _largest_difference(network, run, images)
    return content, difference


EXPORTERS = {"pt2": (program_file, "The loaded program"), "onnx": (onnx_file, "onnxruntime")}
"""What makes the file of each format that is a program, and what ran it as a check."""


def _program(network: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    any_number = {0: torch.export.Dim("batch")}
    if not isinstance(network(images[:1]), Tensor):
        network = Answering(network)
    return torch.export.export(network, (images[:2],), dynamic_shapes=(any_number,))


@contextmanager
def exporting(network: nn.Module, exporter: str) -> Iterator[None]:
    """What an exporter raises becomes one line; its warnings are of its own insides."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # whatever a model's own code raises under a tracer
        raise UnsupportedArchitecture(
            f"{type(network).__name__}: {exporter} cannot export it: {first_line(error)}"
        ) from error


@torch.inference_mode()
def _largest_difference(
    network: nn.Module, run: Callable[[Tensor], Tensor], images: Tensor
) -> float:
    """How far logits differ on all images, and on the first one alone: a file must take both.

    Raises:
        ValueError: The logits are others, by more than the order of additions explains.
    """
    largest = 0.0
    for batch in (images, images[:1]):
        expected = logits_in(network(batch))
        difference = (expected - run(batch)).abs().max().item()
        if not difference <= 1e-3 * max(1, expected.abs().max().item()):  # NaN is none
            raise ValueError(f"its logits would differ by up to {difference:.2g}")
        largest = max(largest, difference)
    return largest
