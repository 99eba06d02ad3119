"""Where a study is: its name, its database, its folder; what is in them is elsewhere."""

import os
from dataclasses import dataclass, field
from pathlib import Path

STUDIES = Path("plantnas-studies")
"""The folder of studies in the folder where a command is run."""


@dataclass(frozen=True)
class Place:
    """Where a study is.

    Attributes:
        name: The study's.
        url: Of its database. It may hold a password: it is in no command line and no message.
        directory: Where the machine that looks keeps the study's files.
    """

    name: str
    url: str = field(repr=False)
    directory: Path


def is_url(where: str) -> bool:
    """Whether a place of artifacts is a bucket's, not a folder."""
    return "://" in where


def folder_beside(artifacts: str, name: str) -> Path:
    """A study's folder on this machine, as its artifacts say; the default one beside a bucket."""
    return STUDIES / name if is_url(artifacts) else Path(artifacts).parent


def images_folder(directory: Path) -> Path:
    """Where in a study's folder images are that are more than memory should hold."""
    return directory / "images"


def sqlite_url(directory: Path) -> str:
    """The default database of a study: study.db in its folder."""
    file = str(Path(os.path.realpath(directory), "study.db"))
    if "%" in file or "?" in file:  # which mean other things in a URL
        from sqlalchemy import URL

        return URL.create("sqlite", database=file).render_as_string(hide_password=False)
    return f"sqlite:///{file}"
