"""Saves what a user wants of a study, and says in words what it is.

Which network that is is decided in choice.py; how the files are made is in formats.py and
records/family.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import isnan
from pathlib import Path
from typing import NamedTuple

from plantnas.channels.costs import shown_cost, title_of
from plantnas.errors import ConfigurationError
from plantnas.files import check_outputs, write_file
from plantnas.records.database import Database
from plantnas.records.family import save_family
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.export.choice import (
    Wanted,
    crop_choice,
    family_of,
    nested,
    recorded_choice,
    wanted_record,
)
from plantnas.report.export.formats import (
    EXPORTERS,
    OTHER_SNIPPET,
    SNIPPET,
    SUFFIXES,
    WIRED_SNIPPET,
    Format,
    about_network,
    checked_format,
    state_dict_file,
)
from plantnas.report.front import metric_of, validation_text
from plantnas.report.images import load_images


class Files(NamedTuple):
    """Where to, and as what.

    Attributes:
        family: The family file, if there is to be one.
        output: The network's file; None stands for the study's name and the network's number.
        format_name: `state-dict`, `pt2` or `onnx`; None stands for what `output` ends in.
        replace: Whether files that exist may be replaced.
    """

    family: Path | None = None
    output: Path | None = None
    format_name: str | None = None
    replace: bool = False


def save(url: str, name: str, asked: Wanted, files: Files) -> Iterator[str]:
    """Saves a family file, if one is asked for, and a network, if one is or there is no family.

    Yields:
        Lines that say what was saved.

    Raises:
        ConfigurationError: An unknown format, or options that contradict each other.
        StudyError: There is no such study or network.
        PlantingError: A crop to widths that it cannot have.
        StorageError: A file exists or cannot be written.
        UnsupportedArchitecture: The network cannot be exported.
    """
    is_one_saved = files.family is None or bool(files.output or files.format_name)
    if asked.widths is not None and not is_one_saved:
        raise ConfigurationError("widths: are of one network, a family has all; add a format.")
    file_format = checked_format(files.format_name, files.output)
    records = StudyRecords(Database.to_read(url, name), name)
    networks = records.networks()
    are_nested = files.family is not None or asked.widths is not None
    record = wanted_record(records, nested(networks) if are_nested else networks, asked)
    family = family_of(name, networks, record) if are_nested else [record]
    crop = "" if asked.widths is None else "-crop"
    output = files.output or Path(f"{name}-{record.id}{crop}{SUFFIXES[file_format]}")
    written = [files.family] if files.family else []
    check_outputs(written + ([output] if is_one_saved else []), files.replace, records.files)
    if files.family is not None:
        save_family(files.family, records, family)
        steps = "; ".join(
            f"step {each.step}: {each.parameters:,} parameters, {validation_text(each)}"
            for each in family
        )
        yield f"{files.family}: a family of {len(family)} networks, each bit-identical ({steps})."
    if is_one_saved:
        yield from _save_network(records, url, family, asked.widths, file_format, output)


def _save_network(
    records: StudyRecords,
    url: str,
    family: Sequence[NetworkRecord],
    crop_to: Mapping[str, int] | None,
    file_format: Format,
    path: Path,
) -> Iterator[str]:
    validation = cache(
        lambda: load_images(url, records.name)
    )  # read at most once, and if it is needed
    if crop_to is None:
        choice = recorded_choice(records, family[-1])
    else:
        choice = crop_choice(records, family, crop_to, validation())
    about = about_network(records.record, choice.record.widths, choice.ancestors)
    record, source, what = choice.record, family[-1], f"Network {choice.record.id}"
    if record.id is None:
        what = (
            f"A crop of network {source.id} ({validation_text(source)}) that is no network "
            "of the study and was never trained at these widths"
        )
    cost = ""
    if record.cost_name not in ("parameters", "macs") and not isnan(record.cost):
        cost = f", {shown_cost(record.cost)} {title_of(record.cost_name)}"
    yield (
        f"{what}: {record.parameters:,} parameters, {record.macs:,} MACs{cost}, "
        f"validation {metric_of([record]).words} {validation_text(record)}."
    )
    if file_format == "state-dict":
        write_file(path, state_dict_file(choice.network, about))
        snippet = WIRED_SNIPPET if choice.ancestors else SNIPPET
        snippet = OTHER_SNIPPET if record.is_other_teacher else snippet
        yield f"{path}: its state_dict, which this loads:\n\n{snippet.format(path=str(path))}"
        return
    make_file, runner = EXPORTERS[file_format]
    images, _ = validation()
    content, difference = make_file(choice.network, images, about)
    write_file(path, content)
    yield (
        f"{path}: takes any number of normalised images, {' x '.join(map(str, images.shape[1:]))}. "
        f"{runner} differs by at most {difference:.1e} in the logits of {len(images)} validation "
        "images."
    )
