"""A study whose rows somebody else has changed: every reader says so in one line, or does without.

Which columns are checked, and how, is tested in tests/records/test_damage.py.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended, StudyFolder

READERS = (
    ("status", "short"),
    ("report", "short"),
    ("table", "short"),
    ("table", "short", "--what", "costs"),
    ("table", "short", "--what", "trials"),
    ("plot", "pareto", "short"),
    ("export", "short", "--family", "family.pt"),
    ("db", "clean", "short", "--dry-run"),
)

DAMAGES = (
    "UPDATE plantnas_networks SET parameters = 'many'",
    "UPDATE plantnas_networks SET parent_id = id WHERE parent_id IS NOT NULL",
    "UPDATE plantnas_evaluations SET accuracy = 'good'",
    "UPDATE plantnas_phases SET seconds = 'long'",
    "UPDATE plantnas_studies SET configuration = '['",
    "UPDATE plantnas_studies SET configuration = '{}'",
    "UPDATE trial_user_attributes SET value_json = '['",
    "UPDATE trials SET state = 'DREAMING'",
    "UPDATE trials SET datetime_start = 'noon'",
    "DELETE FROM plantnas_widths",
    "DELETE FROM plantnas_evaluations",
    "DELETE FROM plantnas_studies",
    "DELETE FROM trials",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_rows_are_one_line_or_done_without(
    plantnas: Callable[..., Ended], ended: StudyFolder, tmp_path: Path, damage: str
) -> None:
    folder = ended.copy(tmp_path / "study")
    with sqlite3.connect(folder.directory / "study.db") as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(damage)
    connection.close()
    for words in READERS:
        done = plantnas(*words, "--directory", folder.directory)
        assert done.exit_code in (0, 2), (words, done)
        assert done.stderr.count("\n") == (1 if done.exit_code else 0), (words, done)
