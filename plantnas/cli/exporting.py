"""The command `export`: networks of a study as files for elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from plantnas.cli.options import Directory, Force, Storage, Study, Trust, existing, show
from plantnas.config_files import is_path


def export(
    name_or_file: Study,
    format_name: Annotated[
        str | None, typer.Option("--format", help="state-dict (the default), pt2 or onnx.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File of the network; by default its study and number.")
    ] = None,
    family: Annotated[
        Path | None, typer.Option(help="Family file of the network and all its ancestors.")
    ] = None,
    max_parameters: Annotated[int | None, typer.Option(min=1, help="Most parameters.")] = None,
    max_macs: Annotated[int | None, typer.Option(min=1, help="Most MACs for an image.")] = None,
    network_id: Annotated[
        int | None, typer.Option(help="This network; by default the most accurate on validation.")
    ] = None,
    crop_to: Annotated[
        str | None,
        typer.Option("--widths", help="Crop it to smaller widths: group=width,... or JSON."),
    ] = None,
    force: Force = False,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
) -> None:
    """Save a network of a study, or a family of nested ones, as files for elsewhere."""
    from plantnas.files import check_outputs
    from plantnas.report.export.choice import Wanted, parse_widths
    from plantnas.report.export.saving import Files, save

    widths = None if crop_to is None else parse_widths(crop_to)
    wanted = Wanted(network_id, max_parameters, max_macs, widths)
    files = Files(family, output, format_name, force)
    place = existing(name_or_file, storage, folder)
    if is_path(name_or_file):
        check_outputs([each for each in (family, output) if each], True, [Path(name_or_file)])
    for line in save(place.url, place.name, wanted, files):
        show(line)
