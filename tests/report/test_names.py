"""Every name stands for something, and to list the names imports nothing heavy."""

import subprocess
import sys
from typing import Any

import pytest

from plantnas.errors import ConfigurationError
from plantnas.named import Table
from plantnas.report.names import FORMATS, FRAMES, PLOTS

TABLES: dict[str, Table[Any]] = {"plot": PLOTS, "table": FRAMES, "format": FORMATS}


@pytest.mark.parametrize(
    ("key", "name"), [(key, name) for key, table in TABLES.items() for name in table]
)
def test_a_name_stands_for_a_function_with_it_in_its_own(key: str, name: str) -> None:
    assert TABLES[key].find(name).__name__.startswith(name)


@pytest.mark.parametrize("key", TABLES)
def test_an_unknown_name_is_told_with_the_nearest(key: str) -> None:
    first = next(iter(TABLES[key]))
    with pytest.raises(ConfigurationError, match=f"^{key}: '{first}s' .* Did you mean '{first}'"):
        TABLES[key].find(f"{first}s")


def test_to_list_the_names_imports_neither_pandas_nor_plotly() -> None:
    program = (
        "import sys, plantnas.report.names\n"
        "print({'pandas', 'plotly', 'sqlalchemy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
