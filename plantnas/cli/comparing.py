"""The commands `baselines` and `compare`: planting beside what one would do otherwise."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plantnas.baselines import RATES
from plantnas.cli.options import (
    Devices,
    Directory,
    Force,
    Storage,
    Study,
    Trust,
    Workers,
    console,
    existing,
    kept,
    records_of,
    show,
)

if TYPE_CHECKING:
    from plantnas.records.study import StudyRecords


def baselines(
    name_or_file: Study,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: names of shipped ones, such as l1-kd and scratch, or a "
            "module:method of yours; by default most of the shipped ones."
        ),
    ] = None,
    targets: Annotated[
        str,
        typer.Option(
            help="Sizes: of the planted networks on the `front`, or of the best one's `lineage` "
            "from the seed on."
        ),
    ] = "front",
    repetitions: Annotated[
        int,
        typer.Option(min=1, max=1000, help="Networks of each method and size, with other seeds."),
    ] = 1,
    rates: Annotated[
        str, typer.Option(help="Learning rates that each method is tuned over, comma-separated.")
    ] = ",".join(map(str, RATES)),
    workers: Workers = 1,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
    devices: Devices = "auto",
) -> None:
    """Add to a finished study what its users would make otherwise, and compare."""
    from plantnas.baselines.launch import in_processes, make_baselines
    from plantnas.baselines.planning import parse_request
    from plantnas.report.finish import finish_baselines
    from plantnas.searching.devices import chosen_devices
    from plantnas.searching.display import making_displayed

    place = existing(name_or_file, storage, folder)
    records = records_of(place)
    request = parse_request(place.name, records.networks(), methods, targets, repetitions, rates)
    with (
        making_displayed(console) as display,
        in_processes(workers, chosen_devices(devices)) as crew,
    ):
        make_baselines(place, request, crew, display.say, display.tally)
    finish_baselines(place.url, place.name)
    page, table = place.directory / "comparison.html", place.directory / "comparison.csv"
    _compare([records], page, table)


def compare(
    studies: Annotated[
        list[str], typer.Argument(help="Studies with baselines, which differ in their seeds.")
    ],
    page: Annotated[
        Path | None, typer.Option("--out", help="File of a page with plots, .html.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="File of a table with a row a network.")
    ] = None,
    force: Force = False,
    storage: Storage = None,
    trust: Trust = False,
) -> None:
    """Planting against its baselines: accuracy, cost, and a verdict in words."""
    from plantnas.files import check_outputs

    found = [records_of(existing(study, storage, None)) for study in studies]
    outputs = [path for path in (page, csv) if path is not None]
    pairs = zip(found, studies, strict=True)
    check_outputs(outputs, force, [file for pair in pairs for file in kept(*pair)])
    _compare(found, page, csv)


def _compare(studies: "Sequence[StudyRecords]", page: Path | None, csv: Path | None) -> None:
    import numpy as np

    from plantnas.files import write_file
    from plantnas.report.comparison.comparison import comparison, frame
    from plantnas.report.comparison.page import write_comparison_page
    from plantnas.report.comparison.verdict import (
        comparison_cost_table,
        notes_of,
        sentences,
        small_table,
        verdict_table,
    )

    compared = comparison(studies, np.random.default_rng(0))
    console.print(verdict_table(compared))
    console.print(comparison_cost_table(compared))
    console.print(small_table(compared))
    for line in (*sentences(compared), "", *notes_of(compared)):
        show(line)
    if page is not None:
        write_comparison_page(compared, page)
    if csv is not None:
        write_file(csv, frame(compared).to_csv(index=False).encode())
    for path in (page, csv):
        if path is not None:
            show(f"Written: {path}")
