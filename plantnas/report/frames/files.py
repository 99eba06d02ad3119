"""Frames as text and files: csv, json and parquet. What is in a frame is decided in frames.py."""

import json
from importlib.util import find_spec
from math import inf
from pathlib import Path

import pandas as pd

from plantnas.errors import ConfigurationError, missing
from plantnas.files import write_file
from plantnas.report.names import FORMATS


def csv_file(frame: pd.DataFrame) -> bytes:
    """A line of names, then a line a row; what is missing is left out."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def json_file(frame: pd.DataFrame) -> bytes:
    """A list of objects, one a line, with all digits of every number, which pandas' own rounds.

    Moments are in ISO 8601, and null stands for what is missing or infinite.
    """
    is_value = frame.notna() & ~frame.isin([inf, -inf])
    records = frame.astype(object).where(is_value, None).to_dict("records")
    lines = (json.dumps(record, default=pd.Timestamp.isoformat) for record in records)
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def parquet_file(frame: pd.DataFrame) -> bytes:
    """Columns with their types; no text."""
    return frame.to_parquet(engine="pyarrow", index=False)


_NO_TEXT = "format 'parquet': is not text, so it needs a file: --out FILE."


def checked_format(name: str | None, output: Path | None) -> str:
    """The format of that name, or of the file's ending; csv if there is neither.

    Args:
        name: As the user gave it.
        output: The file to write; None for text.

    Raises:
        ConfigurationError: It is unknown, or parquet without a file or the extra `parquet`.
    """
    ending = output.suffix.removeprefix(".") if output else ""
    name = name or ending or "csv"
    FORMATS.find(name)
    if name == "parquet" and output is None:
        raise ConfigurationError(_NO_TEXT)
    if name == "parquet" and find_spec("pyarrow") is None:
        raise ConfigurationError(f"format 'parquet': {missing('pyarrow', 'parquet')}")
    return name


def table_text(frame: pd.DataFrame, format_name: str) -> str:
    """A frame as lines of text.

    Args:
        frame: One of `FRAMES`.
        format_name: One of `FORMATS` that is text.

    Raises:
        ConfigurationError: The format is not text.
    """
    if format_name == "parquet":
        raise ConfigurationError(_NO_TEXT)
    return FORMATS.find(format_name)(frame).decode()


def write_table(frame: pd.DataFrame, output: Path, format_name: str | None = None) -> None:
    """Write a frame to a file, which is complete or not there; one that exists is replaced.

    Args:
        frame: One of `FRAMES`.
        output: The file.
        format_name: By default that of the file's ending.

    Raises:
        ConfigurationError: As `checked_format` does.
        StorageError: The file cannot be written.
    """
    write_file(output, FORMATS.find(checked_format(format_name, output))(frame))
