"""The commands that add workers to a study: `worker`, and `launch local|ray|slurm`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plantnas.cli.options import (
    Devices,
    Directory,
    Storage,
    Study,
    Timeout,
    Trust,
    console,
    existing,
    finite,
    place_of,
    recorded,
    records_of,
    show,
)
from plantnas.config_files import is_path, load_study
from plantnas.errors import ConfigurationError, Say, StudyError, shown
from plantnas.place import Place

if TYPE_CHECKING:
    from plantnas.config import StudyConfig
    from plantnas.workers.launcher import Launcher, WorkerCommand

Artifacts = Annotated[
    str | None,
    typer.Option(
        help="Place of the weights: a folder, s3://bucket/prefix or gs://bucket/prefix; by default "
        "where the study has them."
    ),
]
DataRoot = Annotated[
    Path | None, typer.Option(help="Folder of the images; by default where the study found them.")
]
Workers = Annotated[int, typer.Option(min=1, max=100_000, help="Number of workers.")]
Logs = Annotated[
    Path | None,
    typer.Option("--logs", help="Folder of the workers' logs; by default logs in --directory."),
]
Gpus = Annotated[float, typer.Option(min=0, callback=finite, help="GPUs a worker.")]

app = typer.Typer(help="Start many workers of a study on an existing engine.", no_args_is_help=True)


def worker(
    name_or_file: Study,
    storage: Storage = None,
    trust: Trust = False,
    artifacts: Artifacts = None,
    folder: Directory = None,
    data_root: DataRoot = None,
    devices: Devices = "auto",
    timeout: Timeout = None,
) -> None:
    """Run trials of a study that exists, from anywhere that reaches its database, until it ends."""
    import optuna

    from plantnas.listening import listening
    from plantnas.searching.display import displayed
    from plantnas.workers.limits import Limits, deadline_in
    from plantnas.workers.news import starters
    from plantnas.workers.worker import run_worker

    place = recorded(existing(name_or_file, storage, folder))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    root = None if data_root is None else str(data_root)
    with displayed(console, _config(place)) as display, listening(*starters()):
        limits = Limits(deadline_in(timeout), display.callbacks)
        run_worker(place, artifacts, devices, root, display.say, limits)


@app.command()
def local(
    name_or_file: Study,
    workers: Workers,
    storage: Storage = None,
    trust: Trust = False,
    artifacts: Artifacts = None,
    folder: Directory = None,
    data_root: DataRoot = None,
    devices: Devices = "auto",
    log_folder: Logs = None,
) -> None:
    """Start workers on this machine: one process each, on its share of the cores."""
    from plantnas.searching.devices import chosen_devices
    from plantnas.searching.display import displayed
    from plantnas.trials.study import existing_study
    from plantnas.workers.limits import EndedTrials, Limits
    from plantnas.workers.local import LocalLauncher
    from plantnas.workers.news import news
    from plantnas.workers.run import watched

    command = _command(name_or_file, storage, artifacts, folder, data_root, devices)
    launcher = LocalLauncher(_logs(command, log_folder), turns=chosen_devices(devices))
    study = existing_study(command.place.name, command.place.url)
    with displayed(console, _config(command.place)) as display, news() as of_workers:
        command = replace(command, environment=of_workers.variables)
        ended = EndedTrials(Limits(callbacks=display.callbacks))
        ended.pass_over(study)
        with watched(study, display.show, ended, of_workers) as look:
            _launch(launcher, command, workers, display.say, look)


@app.command()
def ray(
    name_or_file: Study,
    workers: Workers,
    address: Annotated[str, typer.Option(help="Of the Ray cluster.")] = "auto",
    cpus: Annotated[float, typer.Option(min=0, callback=finite, help="Cores a worker.")] = 1,
    gpus: Gpus = 0,
    storage: Storage = None,
    trust: Trust = False,
    artifacts: Artifacts = None,
    folder: Directory = None,
    data_root: DataRoot = None,
    devices: Devices = "auto",
    log_folder: Logs = None,
) -> None:
    """Start workers on an existing Ray cluster: one task each."""
    from plantnas.workers.launcher import check_shared
    from plantnas.workers.ray import RayLauncher

    check_shared(place_of(name_or_file, storage, folder).url)
    command = _command(name_or_file, storage, artifacts, folder, data_root, devices)
    _launch(RayLauncher(address, _logs(command, log_folder), cpus, gpus), command, workers)


@app.command()
def slurm(
    name_or_file: Study,
    workers: Workers,
    partition: Annotated[str | None, typer.Option(help="Of the cluster.")] = None,
    minutes: Annotated[int, typer.Option(min=1, help="Most a job may take.")] = 240,
    cpus: Annotated[int, typer.Option(min=1, help="Cores a worker.")] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs a worker.")] = 0,
    sbatch: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of any other option of sbatch.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the jobs, or print their numbers.")
    ] = True,
    storage: Storage = None,
    trust: Trust = False,
    artifacts: Artifacts = None,
    folder: Directory = None,
    data_root: DataRoot = None,
    devices: Devices = "auto",
    log_folder: Logs = None,
) -> None:
    """Start workers on a Slurm cluster: an array of jobs, one each."""
    from plantnas.workers.launcher import check_shared
    from plantnas.workers.slurm import SlurmJobs, SlurmLauncher

    check_shared(place_of(name_or_file, storage, folder).url)
    command = _command(name_or_file, storage, artifacts, folder, data_root, devices)
    jobs = SlurmJobs(partition, minutes, cpus, gpus, _pairs(sbatch or []))
    launcher = SlurmLauncher(_logs(command, log_folder), jobs)
    if wait:
        _launch(launcher, command, workers)
        return
    for job in launcher.submit(command, workers):
        show(job)


def _command(
    name_or_file: str,
    storage: str | None,
    artifacts: str | None,
    folder: Path | None,
    data_root: Path | None,
    devices: str,
) -> "WorkerCommand":
    """What every worker runs. A new study is recorded; a file is compared with what is recorded."""
    from plantnas.searching.recording import make_study
    from plantnas.workers.launcher import WorkerCommand

    place = place_of(name_or_file, storage, folder)
    if is_path(name_or_file) or not _is_recorded(place):
        make_study(
            load_study(name_or_file), place.url, artifacts or str(place.directory / "weights")
        )
    return WorkerCommand(place, artifacts, devices, data_root)


def _is_recorded(place: Place) -> bool:
    from plantnas.records.optuna_studies import check_study

    try:
        check_study(place.name, place.url)
        recorded(place)
    except StudyError:
        return False
    return True


def _logs(command: "WorkerCommand", log_folder: Path | None) -> Path:
    return log_folder or command.place.directory / "logs"


def _config(place: Place) -> "StudyConfig":
    """What a study that exists was made with."""
    records = records_of(place)
    try:
        return records.config
    finally:
        records.database.close()


def _launch(
    launcher: "Launcher",
    command: "WorkerCommand",
    workers: int,
    say: Say = show,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Waits for the workers; the exit code is 1 if one did not end well, as the lines say."""
    from plantnas.workers.launcher import launch

    ends = launch(launcher, command, workers, say, look)
    if any(end.exit_code for end in ends):
        raise typer.Exit(1)


def _pairs(options: list[str]) -> dict[str, str]:
    pairs = dict[str, str]()
    for option in options:
        name, sign, value = option.partition("=")
        if not sign or not name:
            raise ConfigurationError(f"sbatch {shown(option)}: is not NAME=VALUE.")
        if name in pairs:
            raise ConfigurationError(f"sbatch {name}: is there twice.")
        pairs[name] = value
    return pairs
