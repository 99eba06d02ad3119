"""Notebooks of examples/: their cells, and what these show when they are run in this process.

Jupyter would run them in a process of its own, and is not needed for it.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """A cell of code.

    Attributes:
        source: Its text.
        outputs: What is kept of its last run, by types of content.
    """

    source: str
    outputs: list[dict[str, str]]


def code_cells(path: Path) -> list[Cell]:
    """The cells with code, in their order."""
    cells = json.loads(path.read_text())["cells"]
    return [
        Cell("".join(cell["source"]), [_texts(output["data"]) for output in cell["outputs"]])
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def shown_by(sources: list[str]) -> Iterator[Any]:
    """Runs cells in one namespace, and gives what each shows: None, or its last line's value."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        body, last = ast.parse(source).body, None
        if isinstance(body[-1], ast.Expr):
            last = ast.Expression(body.pop().value)  # type: ignore[attr-defined]
        exec(compile(ast.Module(body, []), "cell", "exec"), space)
        yield None if last is None else eval(compile(last, "cell", "eval"), space)


def _texts(data: dict[str, list[str]]) -> dict[str, str]:
    return {kind: "".join(lines) for kind, lines in data.items()}
