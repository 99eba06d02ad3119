"""What ships and what could grow, as it is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plantnas.config_files import shipped_search_spaces, shipped_studies

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Ended


def test_shipped_studies_and_search_spaces_are_listed(plantnas: Callable[..., Ended]) -> None:
    for command, shipped in (("studies", shipped_studies), ("spaces", shipped_search_spaces)):
        rows = plantnas(command).stdout.splitlines()
        names = [
            row.split()[1] for row in rows if row.startswith("\N{BOX DRAWINGS LIGHT VERTICAL}")
        ]
        assert names == shipped()


def test_groups_of_a_torchvision_network_are_listed(plantnas: Callable[..., Ended]) -> None:
    ended = plantnas("groups", "torchvision/resnet18")
    assert ended.exit_code == 0
    rows = [line for line in ended.stdout.splitlines() if "layer" in line]
    assert len(rows) == 11
    assert all("yes" in row for row in rows)
