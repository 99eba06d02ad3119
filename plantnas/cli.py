"""The command line: the only module that prints. The searching is in search/, the rest below it.

Heavy imports are inside the commands, so that help and mistakes answer at once.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from plantnas.config import StudyConfig
from plantnas.config_files import (
    is_path,
    load_search_space,
    load_study,
    shipped_search_spaces,
    shipped_studies,
    with_overrides,
)
from plantnas.errors import PlantnasError

if TYPE_CHECKING:
    from plantnas.records.database import Database

app = typer.Typer(
    help="Neural architecture search by channel planting: grow small, accurate CNNs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# A table that goes to a file or a pipe is as wide as it needs to be.
console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)

INTERRUPTED = 130
"""The exit code that Typer and shells give to a command that Ctrl-C ended."""

Study = Annotated[str, typer.Argument(help="A shipped study's name or the path of a YAML file.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that run trials.")]
Storage = Annotated[
    str | None, typer.Option(help="URL of the database; by default study.db in --directory.")
]
Directory = Annotated[
    Path | None,
    typer.Option(help="Folder of the study's files; by default plantnas-studies/NAME."),
]
Seed = Annotated[int | None, typer.Option(help="Random seed of the study.")]
Device = Annotated[str, typer.Option(help="Where networks are trained: cpu, cuda, cuda:1 ...")]


@app.command()
def quickstart(workers: Workers = 2, directory: Directory = None, seed: Seed = None) -> None:
    """A whole study on scikit-learn's handwritten digits, in less than a minute."""
    config = with_overrides(load_study("digits"), {"random_seed": seed})
    _run(config, workers, None, directory, "cpu")
    console.print(
        "\nTo try next:\n"
        "  plantnas status digits                    steps, trials and cost of this study\n"
        "  plantnas groups torchvision/resnet18      what could grow in a network\n"
        "  plantnas run fashion-mnist --workers 2    a longer study, on Fashion-MNIST"
    )


@app.command()
def run(
    study: Study,
    workers: Workers = 1,
    storage: Storage = None,
    directory: Directory = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the search.")] = None,
    trials_per_step: Annotated[int | None, typer.Option(help="Screening trials a step.")] = None,
    seed: Seed = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the study, such as of one with another --seed.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Run a study, or resume it if it exists."""
    overrides = {
        "name": name,
        "search.steps": steps,
        "search.trials_per_step": trials_per_step,
        "random_seed": seed,
    }
    _run(with_overrides(load_study(study), overrides), workers, storage, directory, device)


@app.command()
def status(study: Study, storage: Storage = None, directory: Directory = None) -> None:
    """Steps, trials, failures, best networks and cost of a study so far."""
    from plantnas.records.database import Database
    from plantnas.report.tables import cost_table, front_table
    from plantnas.search.progress import progress, progress_table
    from plantnas.search.study import existing_study

    name, url = _existing(study, storage, directory)
    console.print(progress_table(progress(existing_study(name, url))))
    networks = Database(url).networks(name)
    console.print(cost_table(networks))
    console.print(front_table(networks))


@app.command()
def groups(
    architecture: Annotated[
        str,
        typer.Argument(
            help="A family of plantnas, torchvision/NAME, timm/NAME or module:function."
        ),
    ],
    classes: Annotated[int, typer.Option(min=2, help="Number of classes.")] = 10,
    channels: Annotated[int, typer.Option(min=1, help="Channels of the images.")] = 3,
    size: Annotated[int, typer.Option(min=1, help="Height and width of the images.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """What could grow in an architecture: its channel groups, and what a channel costs."""
    import torch

    from plantnas.channels.groups import analyse
    from plantnas.networks.loader import build_network
    from plantnas.report.tables import groups_json, groups_table

    sys.path.insert(0, "")  # the user's own module:function
    network = build_network(architecture, classes, channels)
    structure = analyse(network, torch.zeros(2, channels, size, size))
    if as_json:
        typer.echo(groups_json(structure, network))
    else:
        console.print(groups_table(structure, network))


@app.command()
def export(
    study: Study,
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
    widths: Annotated[
        str | None, typer.Option(help="Crop it to smaller widths: group=width,... or JSON.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    storage: Storage = None,
    directory: Directory = None,
) -> None:
    """Save a network of a study, or a family of nested ones, as files for elsewhere."""
    from plantnas.report.choice import Wanted, parse_widths
    from plantnas.report.saving import Files, save
    from plantnas.search.study import existing_study

    crop_to = None if widths is None else parse_widths(widths)
    wanted = Wanted(network_id, max_parameters, max_macs, crop_to)
    files = Files(family, output, format_name, force)
    name, url = _existing(study, storage, directory)
    existing_study(name, url)  # a database is not made by asking for it
    sys.path.insert(0, "")  # the user's own module:function
    for line in save(url, name, wanted, files):
        console.print(line, soft_wrap=True, markup=False)


@app.command()
def baselines(
    study: Study,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: CRITERION[-global][-iterative][-kd] of channel pruning, "
            "scratch, scratch-kd, uniform, uniform-kd, search-kd; by default most of them."
        ),
    ] = None,
    targets: Annotated[
        str,
        typer.Option(
            help="Sizes: of the planted networks on the `front`, or of the best one's `lineage`."
        ),
    ] = "front",
    repetitions: Annotated[
        int, typer.Option(min=1, help="Networks of each method and size, with other seeds.")
    ] = 1,
    rates: Annotated[
        str, typer.Option(help="Learning rates that each method is tuned over, comma-separated.")
    ] = "0.005,0.01,0.02",
    workers: Workers = 1,
    storage: Storage = None,
    directory: Directory = None,
    device: Device = "cpu",
) -> None:
    """Add to a finished study what its users would make otherwise, and compare."""
    from plantnas.baselines.launch import Place, make_baselines
    from plantnas.baselines.planning import parse_request
    from plantnas.records.database import Database
    from plantnas.records.loading import recorded_config
    from plantnas.report.finish import finish_baselines
    from plantnas.search.study import existing_study

    name, url = _existing(study, storage, directory)
    existing_study(name, url)  # a database is not made by asking for it
    database, folder = Database(url), _directory(name, directory)
    networks = database.networks(name)
    request = parse_request(name, networks, methods, targets, repetitions, rates)
    place = Place(recorded_config(database, name), url, folder, device)
    sys.path.insert(0, "")  # the user's own module:function
    make_baselines(place, request, workers, console.print)
    finish_baselines(url, name)
    _compare([(database, name)], folder / "comparison.html", folder / "comparison.csv")


@app.command()
def compare(
    studies: Annotated[
        list[str], typer.Argument(help="Studies with baselines, which differ in their seeds.")
    ],
    page: Annotated[
        Path | None, typer.Option("--out", help="File of a page with plots, .html.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="File of a table with a row a network.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    storage: Storage = None,
) -> None:
    """Planting against its baselines: accuracy, cost, and a verdict in words."""
    from plantnas.records.database import Database
    from plantnas.records.export import check_output
    from plantnas.search.study import existing_study

    for path in (page, table):
        if path is not None:
            check_output(path, force)
    found = []
    for study in studies:
        name, url = _existing(study, storage, None)
        existing_study(name, url)
        found.append((Database(url), name))
    _compare(found, page, table)


@app.command("studies")
def list_studies() -> None:
    """The studies that ship with plantnas."""
    for name in shipped_studies():
        config = load_study(name)
        console.print(f"{name:15} {config.data.name:15} {config.search_space.architecture}")


@app.command()
def spaces() -> None:
    """The search spaces that ship with plantnas."""
    for name in shipped_search_spaces():
        space = load_search_space(name)
        seed = f"seed at {space.seed.width:g} of the width"
        console.print(f"{name:15} {space.architecture:26} {seed}, {space.grow.proposal}")


def main() -> None:
    """The command `plantnas`: one line and exit code 2 for what the user can mend."""
    # Before torch is loaded. Threads that spin while they wait for one another made the training of
    # a small teacher over 20 times slower on a machine with anything else to do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        exit_code = app(standalone_mode=False) or 0
    except typer.TyperException as error:  # a mistake in the command line itself
        _end(error.format_message(), 2)
    except PlantnasError as error:
        _end(str(error), 2)
    if exit_code == INTERRUPTED:
        _end("interrupted. The same command goes on where it stopped.", INTERRUPTED)
    sys.exit(exit_code)


def _end(message: str, exit_code: int) -> NoReturn:
    if message:  # a bare `plantnas` has shown its help
        typer.echo(f"plantnas: {message}", err=True)
    sys.exit(exit_code)


def _run(
    config: StudyConfig, workers: int, storage: str | None, directory: Path | None, device: str
) -> None:
    import optuna
    from rich.progress import Progress

    from plantnas.report.finish import finish
    from plantnas.report.tables import front_table
    from plantnas.search.launch import run_study
    from plantnas.search.progress import ProgressBars, bars_columns

    folder = _directory(config.name, directory)
    url = storage or _url(folder)
    sys.path.insert(0, "")  # the user's own module:function
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the bars say it
    with Progress(*bars_columns(), console=console) as bars:
        shown = ProgressBars(bars, config)
        run_study(config, url, folder, workers, device, bars.console.print, shown.show)
    networks, page = finish(url, config.name, folder)
    console.print(front_table(networks))
    console.print(f"Database: {url}\nPareto plot: {page}", soft_wrap=True)


def _compare(studies: "list[tuple[Database, str]]", page: Path | None, table: Path | None) -> None:
    import numpy as np

    from plantnas.records.export import write_file
    from plantnas.report.comparison import comparison, frame
    from plantnas.report.comparison_plots import write_comparison_page
    from plantnas.report.verdict import NOTES, comparison_cost_table, sentences, verdict_table

    compared = comparison(studies, np.random.default_rng(0))
    console.print(verdict_table(compared))
    console.print(comparison_cost_table(compared))
    for line in (*sentences(compared), "", *NOTES):
        console.print(line, soft_wrap=True, markup=False)
    if page is not None:
        write_comparison_page(compared, page)
    if table is not None:
        write_file(table, frame(compared).to_csv(index=False).encode())
    for path in (page, table):
        if path is not None:
            console.print(f"Written: {path}", soft_wrap=True, markup=False)


def _existing(study: str, storage: str | None, directory: Path | None) -> tuple[str, str]:
    """The name of a study, which need not be a shipped one, and the URL of its database."""
    name = load_study(study).name if is_path(study) else study
    return name, storage or _url(_directory(name, directory))


def _directory(name: str, directory: Path | None) -> Path:
    return directory or Path("plantnas-studies") / name


def _url(directory: Path) -> str:
    from plantnas.search.storage import sqlite_url

    return sqlite_url(directory)
