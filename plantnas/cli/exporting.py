"""The command `export`: networks of a study as files for elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from plantnas.cli.options import (
    Directory,
    Force,
    MaxActivationMemory,
    MaxBytes,
    MaxBytesFloat16,
    MaxBytesInt8,
    MaxCost,
    MaxMacs,
    MaxParameters,
    Storage,
    Study,
    Trust,
    existing,
    limits_of,
    show,
)
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
    max_parameters: MaxParameters = None,
    max_macs: MaxMacs = None,
    max_cost: MaxCost = None,
    max_bytes: MaxBytes = None,
    max_bytes_float16: MaxBytesFloat16 = None,
    max_bytes_int8: MaxBytesInt8 = None,
    max_activation_memory: MaxActivationMemory = None,
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
    of_bytes = (max_bytes, max_bytes_float16, max_bytes_int8)
    limits = limits_of(max_parameters, max_macs, max_cost, *of_bytes, max_activation_memory)
    wanted = Wanted(network_id, limits, widths)
    files = Files(family, output, format_name, force)
    place = existing(name_or_file, storage, folder)
    if is_path(name_or_file):
        check_outputs([each for each in (family, output) if each], True, [Path(name_or_file)])
    for line in save(place.url, place.name, wanted, files):
        show(line)
