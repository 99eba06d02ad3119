"""The commands that need no study: `groups`, `studies` and `spaces`."""

from typing import Annotated

import typer
from rich.table import Table

from plantnas.cli.options import console
from plantnas.config_files import (
    load_search_space,
    load_study,
    shipped_search_spaces,
    shipped_studies,
)


def groups(
    architecture: Annotated[
        str,
        typer.Argument(
            help="A family of plantnas, torchvision/NAME, timm/NAME or module:function."
        ),
    ],
    classes: Annotated[int, typer.Option(min=2, max=100_000, help="Number of classes.")] = 10,
    channels: Annotated[int, typer.Option(min=1, max=1000, help="Channels of the images.")] = 3,
    size: Annotated[
        int, typer.Option(min=1, max=4096, help="Height and width of the images.")
    ] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """What could grow in an architecture: its channel groups, and what a channel costs."""
    import torch

    from plantnas.channels.groups import analyse
    from plantnas.networks.loader import build_network
    from plantnas.report.terminal import groups_json, groups_table

    network = build_network(architecture, classes, channels)
    structure = analyse(network, torch.zeros(2, channels, size, size))
    if as_json:
        typer.echo(groups_json(structure))
    else:
        console.print(groups_table(structure))


def list_studies() -> None:
    """The studies that ship with plantnas."""
    table = Table("study", "data", "architecture")
    for name in shipped_studies():
        config = load_study(name)
        table.add_row(name, config.data.name, config.search_space.architecture)
    console.print(table)


def spaces() -> None:
    """The search spaces that ship with plantnas."""
    table = Table("search space", "architecture", "seed's share of the widths", "proposal")
    for name in shipped_search_spaces():
        space = load_search_space(name)
        table.add_row(name, space.architecture, f"{space.seed.width:g}", space.grow.proposal)
    console.print(table)
