"""The commands that show a study: `status`, `plot`, `report`, `table` and `dashboard`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group

from plantnas.channels.costs import COSTS
from plantnas.cli.options import (
    Directory,
    Force,
    Storage,
    Study,
    Trust,
    console,
    existing,
    finite,
    kept,
    recorded,
    records_of,
    show,
)
from plantnas.report.names import FORMATS, FRAMES, PLOTS

if TYPE_CHECKING:
    import optuna

    from plantnas.records.study import StudyRecords


LatencyDevice = Annotated[
    str | None,
    typer.Option("--device", help="Of --cost latency: where it is measured, as cpu or cuda."),
]
LatencyBatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Of --cost latency: images at a time.")
]
LatencyBackend = Annotated[
    str | None,
    typer.Option("--backend", help="Of --cost latency: torch, torch.export or onnxruntime."),
]


def status(
    name_or_file: Study,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until the study ends.")] = False,
    every: Annotated[
        float, typer.Option(min=0.1, max=3600, callback=finite, help="Seconds between two looks.")
    ] = 2.0,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
) -> None:
    """Steps, trials, failures, best networks and cost of a study so far."""
    place = existing(name_or_file, storage, folder)
    records = records_of(place)
    if not watch:
        console.print(_status(records))
        return
    # What follows takes longer to import than one look takes.
    from rich.live import Live

    from plantnas.trials.study import study_to_read

    study = study_to_read(place.name, place.url)
    with Live(_status(records), console=console, auto_refresh=False) as live:
        while not _has_ended(study, records):
            time.sleep(every)
            live.update(_status(records), refresh=True)
        live.update(_status(records), refresh=True)  # it may have ended since it was shown


def plot(
    name: Annotated[
        str,
        typer.Argument(help=f"{', '.join(PLOTS)}, or a module:function of yours."),
    ],
    name_or_file: Study,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File: .html, .json, or a picture (.png, .svg, .pdf); by default an HTML page "
            "of the plot's and the study's name."
        ),
    ] = None,
    accuracy_on: Annotated[
        str | None, typer.Option("--split", help="Of pareto: accuracy on validation or test.")
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(help=f"Of pareto: {', '.join(COSTS)}; by default the study's."),
    ] = None,
    latency_device: LatencyDevice = None,
    latency_batch_size: LatencyBatchSize = None,
    latency_backend: LatencyBackend = None,
    network_id: Annotated[
        int | None,
        typer.Option("--network", help="Of widths and curves: this one; by default the best."),
    ] = None,
    force: Force = False,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
) -> None:
    """One plot of a study, finished or running."""
    from plantnas.files import check_outputs
    from plantnas.report.plots import check_figure_file, checked_plot, write_figure

    how = {"device": latency_device, "batch_size": latency_batch_size, "backend": latency_backend}
    latency = {key: value for key, value in how.items() if value is not None}
    asked = {"split": accuracy_on, "cost": cost, "network_id": network_id}
    options: dict[str, object] = {key: each for key, each in asked.items() if each is not None}
    if latency:
        options["latency"] = latency
    draw = checked_plot(name, options)
    records = records_of(existing(name_or_file, storage, folder))
    path = out or Path(f"{records.name}-{name.replace(':', '.')}.html")
    check_outputs([path], force, kept(records, name_or_file))
    check_figure_file(path)
    write_figure(draw(records.database, records.name, **options), path)
    show(f"Written: {path}")


def report(
    name_or_file: Study,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File of the page; by default report.html in the study's folder, which is "
            "replaced."
        ),
    ] = None,
    force: Force = False,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
) -> None:
    """One page for a study, finished or running: what to pick, what it cost, why, and caveats."""
    from plantnas.files import check_outputs
    from plantnas.report.page.page import write_report
    from plantnas.report.study_data import study_data

    place = existing(name_or_file, storage, folder)
    page, records = out or place.directory / "report.html", records_of(place)
    check_outputs([page], force or out is None, kept(records, name_or_file))
    for trouble in write_report(study_data(records), page):
        show(trouble)
    show(f"Written: {page}")


def table(
    name_or_file: Study,
    what: Annotated[
        str,
        typer.Option(help=f"{', '.join(FRAMES)}, or a module:function of yours."),
    ] = "networks",
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            help=f"{', '.join(FORMATS)}, or a module:function of yours; by default that of the "
            "file's ending.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; by default it is printed.")
    ] = None,
    force: Force = False,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
) -> None:
    """What a study recorded, as a table for other programs."""
    from plantnas.files import check_outputs
    from plantnas.report.frames.files import checked_format, table_text, write_table

    frame_of, table_format = FRAMES.find(what), checked_format(format_name, out)
    records = records_of(existing(name_or_file, storage, folder))
    check_outputs([] if out is None else [out], force, kept(records, name_or_file))
    frame = frame_of(records.database, records.name)
    if out is None:
        typer.echo(table_text(frame, table_format), nl=False)
        return
    write_table(frame, out, table_format)
    show(f"Written: {out}, {len(frame)} rows")


def dashboard(
    name_or_file: Study,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="Address of the server.")] = "127.0.0.1",
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
) -> None:
    """Serve the stock optuna-dashboard, with the study's headline, front and plots in it."""
    from plantnas.errors import PlantnasError
    from plantnas.report.dashboard import publish, serve
    from plantnas.searching.interruption import forget_interrupt
    from plantnas.trials.storage import open_database
    from plantnas.trials.study import existing_study

    place = recorded(existing(name_or_file, storage, folder))
    opened = existing_study(place.name, place.url)
    if (why := publish(opened, open_database(opened))) is not None:
        raise PlantnasError(why)
    serve(place.url, host, port, lambda address: show(f"{address} (Ctrl-C ends it)"))
    forget_interrupt()


def _status(records: "StudyRecords") -> Group:
    from plantnas.report.front import metric_of
    from plantnas.report.headline import headline
    from plantnas.report.study_data import optuna_trials
    from plantnas.report.terminal import cost_table, front_table
    from plantnas.searching.progress import progress, progress_table

    recorded, steps = records.find(), progress(optuna_trials(records) or [])
    if recorded is None:  # its data is being read
        return Group(progress_table(steps))
    networks = records.networks()
    trained = progress_table(steps, metric_of(networks), recorded.cost_name)
    tables = cost_table(networks), front_table(networks)
    return Group(trained, *tables, f"{records.name}: {headline(networks)}")


def _has_ended(study: "optuna.Study", records: "StudyRecords") -> bool:
    from plantnas.trials.study import is_complete

    return records.find() is not None and is_complete(study, records.config.search)
