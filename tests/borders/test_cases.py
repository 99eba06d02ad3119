"""Whatever is thrown at plantnas ends in a result or in one line, and changes no file of others.

Dozens of cases of each kind, the same every time; benchmarks/fuzz.py draws thousands.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.borders.cases import Case, commands, damaged, rows, study_files
from tests.borders.ground import Ground, changed


@pytest.fixture(scope="module")
def ground(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("ground"), finished.directory)


def some(examples: int) -> Any:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@some(60)
@given(study_files())
def test_a_study_file_is_read_or_refused(ground: Ground, case: Case) -> None:
    ground.check(case)
    assert not ground.found


@some(30)
@given(commands())
def test_a_command_is_done_or_refused(ground: Ground, case: Case) -> None:
    ground.check(case)
    assert not ground.found


@some(15)
@given(st.one_of(rows(), damaged("bytes")))
def test_a_damaged_database_is_read_or_refused(ground: Ground, case: Case) -> None:
    ground.check(case)
    assert not ground.found


@some(60)
@given(st.one_of(*map(damaged, ("checkpoint", "family", "image", "numbers"))))
def test_a_damaged_file_is_read_or_refused(ground: Ground, case: Case) -> None:
    ground.check(case)
    assert not ground.found


def test_a_file_is_changed_where_it_is_told(ground: Ground) -> None:
    assert changed(b"abcdef", ((1, 120), (-1, 121))) == b"axcdey"
    assert changed(b"abcdef", ((3, -1),)) == b"abc"


@pytest.fixture
def another(finished: Any, tmp_path: Path) -> Ground:
    return Ground(tmp_path / "ground", finished.directory)


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("raise KeyError('x')", "traceback"),
        ("import sys; sys.exit(70)", "traceback"),
        ("import sys; sys.exit(3)", "exit code"),
        ("import sys; print('a\\nb', file=sys.stderr); sys.exit(2)", "exit code"),
        ("open('../foreign/EMPTY', 'w').write('x')", "foreign file"),
    ],
)
def test_what_is_wrong_is_found(
    another: Ground, program: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plantnas.cli.main", lambda: exec(program))
    another.check(Case("command", ("studies",)))
    assert list(another.found) == [what]
