"""Frames as text and files: csv, json and parquet. What is in a frame is decided in frames.py."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Literal

import pandas as pd

from plantnas.errors import ConfigurationError, did_you_mean
from plantnas.files import write_file
from plantnas.report.frames.frames import (
    baselines_frame,
    costs_frame,
    epochs_frame,
    evaluations_frame,
    networks_frame,
    trials_frame,
    widths_frame,
)
from plantnas.report.opening import Storage

FrameOf = Callable[[Storage, str], pd.DataFrame]
FRAMES: dict[str, FrameOf] = {
    "networks": networks_frame,
    "widths": widths_frame,
    "evaluations": evaluations_frame,
    "epochs": epochs_frame,
    "costs": costs_frame,
    "baselines": baselines_frame,
    "trials": trials_frame,
}
"""What a table can be of."""

TableFormat = Literal["csv", "json", "parquet"]
FORMATS: tuple[TableFormat, ...] = ("csv", "json", "parquet")

_NO_TEXT = "format 'parquet': is not text, so it needs a file: --out FILE."


def checked_frame(what: str) -> FrameOf:
    """What makes the frame of that name.

    Raises:
        ConfigurationError: It is unknown.
    """
    if what not in FRAMES:
        raise ConfigurationError(f"table {what!r}: unknown. {did_you_mean(what, FRAMES)}")
    return FRAMES[what]


def checked_format(name: str | None, output: Path | None) -> TableFormat:
    """The format of that name, or of the file's ending; csv if there is neither.

    Args:
        name: As the user gave it.
        output: The file to write; None for text.

    Raises:
        ConfigurationError: It is unknown, or parquet without a file or the extra `parquet`.
    """
    ending = output.suffix.removeprefix(".") if output else ""
    name = name or ending or "csv"
    if name not in FORMATS:
        raise ConfigurationError(f"format {name!r}: unknown. {did_you_mean(name, FORMATS)}")
    if name == "parquet" and output is None:
        raise ConfigurationError(_NO_TEXT)
    if name == "parquet" and find_spec("pyarrow") is None:
        raise ConfigurationError(
            "format 'parquet': needs pyarrow: pip install 'plantnas[parquet]'."
        )
    return next(each for each in FORMATS if each == name)


def table_text(frame: pd.DataFrame, table_format: TableFormat) -> str:
    """A frame as lines of text.

    Args:
        frame: One of ``FRAMES``.
        table_format: csv has a line of names and leaves out what is missing; json is a list of
            objects, one a line, with ISO 8601 moments and null for what is missing or infinite.

    Raises:
        ConfigurationError: The format is not text.
    """
    if table_format == "parquet":
        raise ConfigurationError(_NO_TEXT)
    if table_format == "json":
        return _json(frame)
    return frame.to_csv(index=False, lineterminator="\n")


def write_table(frame: pd.DataFrame, output: Path, format_name: str | None = None) -> None:
    """Write a frame to a file, which is complete or not there; one that exists is replaced.

    Args:
        frame: One of ``FRAMES``; parquet keeps the types of its columns.
        output: The file.
        format_name: By default that of the file's ending.

    Raises:
        ConfigurationError: As ``checked_format`` does.
        StorageError: The file cannot be written.
    """
    checked = checked_format(format_name, output)
    if checked == "parquet":
        write_file(output, frame.to_parquet(engine="pyarrow", index=False))
    else:
        write_file(output, table_text(frame, checked).encode())


def _json(frame: pd.DataFrame) -> str:
    """All digits of every number, which pandas' own JSON rounds."""
    is_value = frame.notna() & ~frame.isin([inf, -inf])
    records = frame.astype(object).where(is_value, None).to_dict("records")
    lines = (json.dumps(record, default=pd.Timestamp.isoformat) for record in records)
    return "[\n" + ",\n".join(lines) + "\n]\n"
