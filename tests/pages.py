"""What the pages for users hold: their fenced blocks, and the commands in those of the shell.

What must be true of them is in test_readme.py (names exist) and test_docs.py (blocks run). A page
shows files of examples/ whole; `python -m tests.pages` writes them into the pages.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


INCLUDED = re.compile(r'^(```\w+ title="([^"]+)"\n)(.*?)^```', re.DOTALL | re.MULTILINE)
"""A block whose title is a file of the repository holds that file as it stands."""


def with_files(text: str) -> str:
    """The text of a page, with each file that it includes as the file is now."""
    return INCLUDED.sub(lambda found: f"{found[1]}{(ROOT / found[2]).read_text()}```", text)


class Block(NamedTuple):
    """A fenced block of a page.

    Attributes:
        language: What stands behind the opening fence; may be empty.
        text: What is fenced.
        line: Of its first line on the page.
    """

    language: str
    text: str
    line: int


def fenced_blocks(page: Path) -> Iterator[Block]:
    """All fenced blocks of a page, in its order."""
    text = page.read_text()
    for found in re.finditer(r"^```([\w-]*)[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield Block(found[1], found[2], text.count("\n", 0, found.start(2)) + 1)


def blocks(page: Path, *languages: str) -> list[str]:
    """The texts of the fenced blocks in one of these languages."""
    return [block.text for block in fenced_blocks(page) if block.language in languages]


def shell_commands(text: str) -> Iterator[list[str]]:
    """The commands of a block of shell, as words: one a line, or several with `&&` between."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            yield words[:end]
            words = words[end + 1 :]


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(with_files(each.read_text()))
