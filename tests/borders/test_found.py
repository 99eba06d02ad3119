"""What benchmarks/fuzz.py has found stays found."""

from pathlib import Path
from typing import Any

import pytest

from tests.borders.cases import Case
from tests.borders.ground import Ground


@pytest.mark.parametrize(
    "case",
    [
        Case("rows", ("table",), (), ("plantnas_evaluations", "loss", "[]")),
        Case("rows", ("table",), (), ("plantnas_networks", "macs", "[]")),
        Case("rows", ("status",), (), ("trial_values", "value", "{'")),
        Case("rows", ("export",), (), ("plantnas_evaluations", "accuracy", "{}")),
        Case("rows", ("report",), (), ("plantnas_evaluations", "images", -3.2e16)),
        Case("rows", ("report",), (), ("plantnas_studies", "configuration", 3)),
        Case("command", ("table", "tiny", "--storage", "sqlite:///%00")),
        Case("command", ("studies", "\udcff")),
        Case("rows", ("report",), (), ("studies", "study_name", b"\xff")),
        Case("bytes", ("report",), ((40797, 16), (1577, 254), (4104, 164))),
        Case("rows", ("report",), (), ("plantnas_evaluations", "accuracy", 173681857)),
        Case("rows", ("table",), (), ("plantnas_networks", "step", -3.606517612323555e297)),
        Case("command", ("launch",)),
        Case("command", ("worker", "@", "--storage", "sqlite:////")),
        Case("rows", ("status",), (), ("trial_system_attributes", "value_json", -5951041077)),
    ],
)
def test_it_is_one_line(finished: Any, tmp_path: Path, case: Case) -> None:
    ground = Ground(tmp_path / "ground", finished.directory)
    ground.check(case)
    assert not ground.found
