"""What the pages for users and contributors say exists: files, commands, options, names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import plantnas
from plantnas.cli import app
from plantnas.config_files import load_study
from tests.pages import PAGES, ROOT, blocks, shell_commands

COMMANDS: Any = typer.main.get_command(app)

of_every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


@of_every_page
def test_a_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    local = [link for link in links if "://" not in link]
    assert not [link for link in local if not (page.parent / link).exists()]


@of_every_page
def test_a_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z0-9_.-]+\.(?:py|yaml|md))`", page.read_text())
    homes = (ROOT, ROOT / "plantnas")
    assert not [name for name in named if not any((home / name).exists() for home in homes)]


@of_every_page
def test_a_command_exists_with_its_options(page: Path) -> None:
    for words in commands_on(page):
        command = named_command(words)
        assert command is not None, f"plantnas {' '.join(words)}"
        known = {option for parameter in command.params for option in parameter.opts}
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        assert used <= known | {"--help"}, f"plantnas {' '.join(words)}"


@of_every_page
def test_python_code_parses_and_uses_public_names(page: Path) -> None:
    for code in blocks(page, "python"):
        tree = ast.parse(code)
        names = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "plantnas"
        }
        names |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "plantnas"
            for alias in node.names
        }
        assert names <= set(plantnas.__all__)


@of_every_page
def test_a_study_that_is_shown_is_valid(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(page, "yaml")):
        if "search_space:" in text:
            file = tmp_path / f"study-{number}.yaml"
            file.write_text(text)
            assert load_study(str(file)).name == file.stem


def test_the_check_is_the_readmes() -> None:
    readme, check = ((ROOT / name).read_text() for name in ("README.md", ".ci/run"))
    for command in (".venv/bin/pip install -e '.[test]'", ".venv/bin/pytest"):
        assert command in readme
        assert command in check


def commands_on(page: Path) -> Iterator[list[str]]:
    """The arguments of every `plantnas ...` in a block of shell or between backticks."""
    quoted = re.findall(r"`(plantnas [^`]+)`", page.read_text())
    text = "\n".join([*blocks(page, "", "sh", "bash", "console"), *quoted])
    begins = r"(?:^|&& )(?:\$ )?(?:\.venv/bin/)?"
    for line in re.findall(rf"{begins}plantnas ([^&\n]+)", text, re.MULTILINE):
        yield from shell_commands(line)


def named_command(words: list[str]) -> Any:
    """The command that words name, maybe one of a group as `db upgrade` is; None if it is none."""
    command: Any = COMMANDS
    for word in words:
        if not hasattr(command, "commands"):
            break
        command = command.commands.get(word)
    return command
