"""Options that several commands have, and what they stand for.

Heavy imports are in the functions.
"""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from plantnas.config_files import is_path, load_study
from plantnas.errors import StorageError, StudyError, did_you_mean, shown
from plantnas.place import STUDIES, Place, sqlite_url
from plantnas.trust import ANY, trust

if TYPE_CHECKING:
    from plantnas.records.study import StudyRecords

# A table that goes to a file or a pipe is as wide as it needs to be.
console = Console(width=None if sys.stdout and sys.stdout.isatty() else 160, highlight=False)

LIMITED = (
    "parameters", "macs", "cost", "bytes", "bytes_float16", "bytes_int8", "activation_memory"
)  # fmt: skip
"""The costs that options limit, in their order; `cost` is the study's."""

LONGEST_URL = 4096
LONGEST_NAME = 512
"""Optuna's limit."""


def _from_file(storage: str | None) -> str | None:
    """A URL with a password may be kept in a file or come from a pipe: `@file`."""
    if storage == "":
        raise StorageError("storage '': is empty, where the URL of a database is needed.")
    if storage is None or not storage.startswith("@"):
        return storage
    try:
        with Path(storage[1:]).open("rb") as file:
            text = file.read(LONGEST_URL + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not text"
        raise StorageError(f"storage {storage}: cannot be read: {why}.") from error
    urls = list(filter(None, map(str.strip, text.splitlines())))
    if len(urls) != 1 or len(text) > LONGEST_URL:
        raise StorageError(
            f"storage {storage}: has {len(urls)} lines with text, where the URL of a database is "
            f"needed, alone, of at most {LONGEST_URL} characters."
        )
    return urls[0]


def finite(option: float) -> float:
    """An option that is a number, which `nan` and `inf` are not.

    Raises:
        typer.BadParameter: It is none.
    """
    if not math.isfinite(option):
        raise typer.BadParameter(f"{option} is no finite number.")
    return option


def positive(option: float | None) -> float | None:
    """An option that is a positive number, if it is given.

    Raises:
        typer.BadParameter: It is none.
    """
    if option is not None and not finite(option) > 0:
        raise typer.BadParameter(f"{option:g} is no positive number.")
    return option


def limits_of(*most: float | None) -> dict[str, float]:
    """The limits that are given, of those for each of `LIMITED`, by the names of costs."""
    return {cost: limit for cost, limit in zip(LIMITED, most, strict=True) if limit is not None}


def _trust(is_trusted: bool) -> bool:
    if is_trusted:
        trust([ANY])
    return is_trusted


Study = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study's name or the path of its YAML file.")
]
MaxParameters = Annotated[int | None, typer.Option(min=1, help="Most parameters.")]
MaxMacs = Annotated[int | None, typer.Option(min=1, help="Most MACs for an image.")]
MaxCost = Annotated[
    float | None,
    typer.Option(callback=positive, help="Most of what the study trades accuracy for."),
]
MaxBytes = Annotated[int | None, typer.Option(min=1, help="Most bytes of weights in float32.")]
MaxBytesFloat16 = Annotated[
    int | None, typer.Option(min=1, help="Most bytes of weights in float16.")
]
MaxBytesInt8 = Annotated[int | None, typer.Option(min=1, help="Most bytes of weights in int8.")]
MaxActivationMemory = Annotated[
    int | None, typer.Option(min=1, help="Most bytes of activations for an image.")
]
Workers = Annotated[int, typer.Option(min=1, max=1000, help="Processes that run trials.")]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="PLANTNAS_STORAGE",
        callback=_from_file,
        help="URL of the database, or @FILE with it; by default study.db in --directory.",
    ),
]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory", help="Folder of the study's files; by default plantnas-studies/NAME."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Random seed of the study.")]
Devices = Annotated[
    str,
    typer.Option(
        "--devices",
        "--device",
        help="Where networks are trained: cpu, cuda:1, mps; several between commas, which workers "
        "have in turn; auto is all accelerators, or else the processor.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        callback=lambda seconds: None if seconds is None else finite(seconds),
        help="Seconds after which no further trial begins; the same command goes on later.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        callback=_trust,
        help="Import code that the study's database names and you have not: module:attribute.",
    ),
]


def existing(name_or_file: str, storage: str | None, folder: Path | None) -> Place:
    """Where a study is that exists, shipped or not.

    Raises:
        StudyError: There is no such study. A database is not made by asking for it.
    """
    from plantnas.records.engine import is_missing
    from plantnas.records.optuna_studies import check_study

    place = place_of(name_or_file, storage, folder)
    file = STUDIES / place.name / "study.db"
    if storage is None and folder is None and is_missing(place.url):
        here = sorted(each.parent.name for each in STUDIES.glob("*/study.db"))
        hint = did_you_mean(place.name, here) if here else "There is no other study either."
        raise StudyError(
            f"study {place.name!r}: there is no database {file}; run the study first, or say where "
            f"it is by --directory or --storage. {hint}"
        )
    check_study(place.name, place.url)
    return place


def place_of(name_or_file: str, storage: str | None, folder: Path | None) -> Place:
    """Where a study is or would be, by its name or its file."""
    name = load_study(name_or_file).name if is_path(name_or_file) else name_or_file
    return place_named(name, storage, folder)


def place_named(name: str, storage: str | None, folder: Path | None) -> Place:
    """Where the study of that name is or would be.

    Raises:
        StudyError: No study can have that name.
    """
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise StudyError(
            f"study {shown(name)}: is no name, which has 1 to {LONGEST_NAME} characters that can "
            "be printed."
        )
    folder = folder or STUDIES / name
    return Place(name, storage or sqlite_url(folder), folder)


def records_of(place: Place) -> "StudyRecords":
    """The records of a study that exists, to be read.

    Raises:
        StudyError: Nothing of plantnas is recorded there.
        StorageError: The database cannot be opened.
    """
    from plantnas.records.database import Database
    from plantnas.records.study import StudyRecords

    return StudyRecords(Database.to_read(place.url, place.name), place.name)


def recorded(place: Place) -> Place:
    """The place of a study that a command writes to, which makes no tables there.

    Raises:
        StudyError: Nothing of the study is recorded there.
        StorageError: The database cannot be opened.
    """
    records = records_of(place)
    try:
        records.record  # noqa: B018 (it raises)
    finally:
        records.database.close()
    return place


def kept(records: "StudyRecords", name_or_file: str) -> list[Path]:
    """What no output of a command may replace: the study, and the file that names it."""
    return [*records.files, *([Path(name_or_file)] if is_path(name_or_file) else [])]


def show(line: str) -> None:
    """Prints a line as it is, however long."""
    console.print(line, soft_wrap=True, markup=False)
