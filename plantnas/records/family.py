"""The family file: all networks of a lineage in one safetensors file. Nothing here trains.

It holds the last network as it runs, and of each earlier step only what a crop of the last one does
not give: its BatchNorm entries and its classifier, a few numbers. Single networks are saved by
report/export/formats.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch
from pydantic import BaseModel, Field
from safetensors import SafetensorError
from torch import Tensor, nn

from plantnas.channels.planting import crop
from plantnas.channels.structure import classifier_tensors
from plantnas.channels.wiring import whole, wired
from plantnas.config_files import validated
from plantnas.errors import (
    ArgumentError,
    ConfigurationError,
    PlantnasError,
    StorageError,
    StudyError,
    first_line,
)
from plantnas.files import read_file, write_file
from plantnas.given import check_given, check_integer, check_path
from plantnas.handed import handed_things, is_handed
from plantnas.networks import code_of
from plantnas.networks.handed_models import architecture_of
from plantnas.networks.states import load_state, problem_of
from plantnas.records.building import example_images, network_at, structure_at_own_widths
from plantnas.records.record import ImagesRecord, NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.search_space import SearchSpace, Wiring
from plantnas.settings import Arguments, Count
from plantnas.trust import found
from plantnas.trust import trust as trust_names

_ABOUT_STEP = ("step", "method", "kind", "parameters", "macs", "widths", "planted")
"""What of each record is in a family file, beside its evaluations."""

State = Mapping[str, Tensor]

DAMAGE = (RuntimeError, ValueError, TypeError, LookupError, OverflowError)
"""What a damaged file makes torch and safetensors raise."""


class _Step(BaseModel):
    """What must be known of a network to build it again."""

    step: int = Field(strict=True, ge=0)
    widths: dict[str, Count]


class _About(BaseModel):
    """What a family file says of itself; an older plantnas's has no wiring."""

    architecture: str
    arguments: Arguments
    wiring: Wiring = "dense"
    images: ImagesRecord
    steps: tuple[_Step, ...] = Field(min_length=1)

    @property
    def search_space(self) -> SearchSpace:
        """Of the architecture, as a study would have it."""
        return SearchSpace(architecture=self.architecture, arguments=self.arguments)


def save_family(path: Path, records: StudyRecords, lineage: Sequence[NetworkRecord]) -> None:
    """Writes a lineage to a family file, after checking that each step comes out bit-identical.

    Args:
        path: The file; it is replaced if it exists.
        records: The study's.
        lineage: A planted network behind all its ancestors, the seed first.

    Raises:
        StudyError: A step is not a crop of the last network, or weights were not kept.
        StorageError: Weights are missing or damaged, or the file cannot be written.
    """
    networks = [records.load(record) for record in lineage]
    study_record = records.record
    space = study_record.search_space
    about = {
        "study": records.name,
        "architecture": space.architecture,
        "arguments": space.arguments,
        "wiring": "dense" if study_record.ancestors(lineage) is None else space.wiring,
        "images": asdict(records.images),
        "steps": [
            {name: getattr(record, name) for name in _ABOUT_STEP}
            | {"evaluations": [evaluation._asdict() for evaluation in record.evaluations]}
            for record in lineage
        ],
    }
    tensors = _tensors(records, lineage, networks)
    content = safetensors.torch.save(tensors, {"plantnas": json.dumps(about)})
    for record, network in zip(lineage, networks, strict=True):
        restored, given = _network(path, content, record.step).state_dict(), network.state_dict()
        is_same = restored.keys() == given.keys()
        if not is_same or not all(torch.equal(restored[name], given[name]) for name in given):
            raise StorageError(f"{path}: step {record.step} would not be read as it was recorded.")
    write_file(path, content)


def load_family(
    path: str | Path, step: int | None = None, trust: bool = False, model: object = None
) -> nn.Module:
    """A network of a family file, as it was recorded to the last bit, in eval mode, on the CPU.

    It takes normalised images, such as `plantnas.load_images` gives. Property 3 of planting makes
    it possible: a crop of a descendant has its ancestor's convolution weights.

    Args:
        path: A file that `plantnas export STUDY --family FILE` wrote.
        step: 0 for the seed, 1 for the network of the first step, ...; the last one if None.
        trust: Whether to import an architecture `module:function` that the file names and you have
            not: it runs code.
        model: The architecture, in place of what the file names: as `plantnas.search` was given it,
            with any weights. A family of a module of yours needs it in another process.

    Raises:
        StorageError: The file is missing, damaged or no family file, or has no such step.
        ConfigurationError: Its architecture is not here, or would run code that is not trusted.
        ArgumentError: The model is not of the architecture.
    """
    check_path("path", path)
    check_given("trust", trust, bool, "True or False")
    if step is not None:
        check_integer("step", step, least=0)
    path = Path(path)
    try:
        content = read_file(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}.") from error
    if trust:
        trust_names(code_of(_about(path, content).search_space))
    try:
        return _network(path, content, step, model)
    except (*DAMAGE, MemoryError) as error:
        raise StorageError(f"{path}: is a damaged family file: {first_line(error)}.") from error


def _tensors(
    records: StudyRecords, lineage: Sequence[NetworkRecord], networks: Sequence[nn.Module]
) -> dict[str, Tensor]:
    """What is stored, as `STEP/NAME`: of each step the tensors that a crop does not give."""
    last, example = whole(networks[-1]), records.example
    structure = records.structure.with_widths(lineage[-1].widths)
    classifier = classifier_tensors(structure)
    # Clones, since safetensors refuses tensors that share memory, as tied ones do.
    stored = {
        f"{lineage[-1].step}/{name}": tensor.clone()
        for name, tensor in networks[-1].state_dict().items()
    }
    for record, network in zip(lineage[:-1], networks[:-1], strict=True):
        cropped = crop(last, example, record.widths, structure=structure).state_dict()
        for name, tensor in whole(network).state_dict().items():
            if torch.equal(tensor, cropped[name]):
                continue
            if tensor.ndim > 1 and name not in classifier:
                raise StudyError(
                    f"study {records.name!r}: network {record.id} of step {record.step} is not a "
                    f"crop of network {lineage[-1].id}: {name} was trained again, so the two make "
                    "no family; export them one by one."
                )
            stored[f"{record.step}/{name}"] = tensor.clone()
    return stored


def _about(path: Path, content: bytes) -> "_About":
    """What a family file says of itself.

    Raises:
        StorageError: It is none, or a damaged one.
    """
    try:
        # The file begins with the header's length in 8 bytes, then the header, in JSON.
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = header.get("__metadata__", {}).get("plantnas")
        about = None if metadata is None else json.loads(metadata)
    except (ValueError, AttributeError, RecursionError) as error:
        raise StorageError(f"{path}: is no family file, or a damaged one: {error}.") from error
    if about is None:
        raise StorageError(f"{path}: is no family file: `plantnas export` did not write it.")
    try:
        return validated(_About, about, str(path))
    except ConfigurationError as error:
        raise StorageError(f"{error} It is a damaged family file.") from error


def _network(path: Path, content: bytes, step: int | None, stand_in: object = None) -> nn.Module:
    try:
        tensors = safetensors.torch.load(content)
    except (SafetensorError, *DAMAGE) as error:
        raise StorageError(f"{path}: is no family file, or a damaged one: {error}.") from error
    about = _about(path, content)
    widths = {each.step: each.widths for each in about.steps}
    last = list(widths)[-1]
    step = last if step is None else step
    if step not in widths:
        steps = ", ".join(map(str, widths))
        raise StorageError(f"{path}: has no step {step}: its steps are {steps}.")
    space, images = about.search_space, about.images
    found(code_of(space), str(path))
    if stand_in is not None:
        space = _made_by(stand_in, path, about, _state(tensors, last))
    elif is_handed(space.architecture) and not handed_things([space.architecture]):
        raise ConfigurationError(
            f"{path}: is of {space.architecture!r}, an object that plantnas.search was given: give "
            "it with any weights, plantnas.load_family(path, model=...)."
        )
    network, example = network_at(space, images, widths[last]), example_images(images)
    as_made = structure_at_own_widths(space, images)

    def as_it_runs(network: nn.Module, step: int) -> nn.Module:
        if about.wiring == "dense":
            return network
        ancestors = [widths[each] for each in widths if each < step]
        return wired(network, example, ancestors, structure=as_made.with_widths(widths[step]))

    network = as_it_runs(network, last)
    load_state(network, _checked(path, _state(tensors, last), network))
    if step != last:
        structure = as_made.with_widths(widths[last])
        network = crop(whole(network), example, widths[step], structure=structure)
        own = _checked(path, _state(tensors, step), network)
        load_state(network, {**network.state_dict(), **own})
        network = as_it_runs(network, step)
    return network.eval()


def _made_by(stand_in: object, path: Path, header: _About, tensors: State) -> SearchSpace:
    """The search space of a caller's model that stands for the architecture of a file.

    Args:
        stand_in: As the caller gave it.
        path: Of the file.
        header: What the file says.
        tensors: Of its last network, which is to fit.

    Raises:
        ArgumentError: It does not fit: the message says why.
    """
    name = architecture_of(stand_in)
    arguments = {} if isinstance(stand_in, nn.Module) else header.arguments
    space = SearchSpace(architecture=name, arguments=arguments)
    trust_names(code_of(space))
    try:
        network = network_at(space, header.images, header.steps[-1].widths)
        problem = problem_of(tensors, network.state_dict())
        load_state(network, tensors)
    except PlantnasError as error:
        problem = str(error)
    except RuntimeError as error:  # torch's, whose first line is a title
        problem = " ".join(str(error).splitlines()[1:2]).strip()
    if problem is not None:
        raise ArgumentError(
            f"model: is not of the architecture of {path}, {header.architecture!r}: {problem}"
        )
    return space


def _checked(path: Path, tensors: State, network: nn.Module) -> State:
    """A state of the file that the network can take.

    Raises:
        StorageError: No network had it.
    """
    if (problem := problem_of(tensors, network.state_dict())) is not None:
        raise StorageError(f"{path}: is a damaged family file: {problem}")
    return tensors


def _state(tensors: State, step: int) -> dict[str, Tensor]:
    prefix = f"{step}/"
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
