"""The commands `db ...`: a study's database itself."""

from typing import Annotated

import typer

from plantnas.cli.options import (
    Directory,
    Storage,
    Study,
    existing,
    place_of,
    recorded,
    show,
)

app = typer.Typer(help="The database of a study itself.", no_args_is_help=True)


@app.command()
def upgrade(name_or_file: Study, storage: Storage = None, folder: Directory = None) -> None:
    """Bring a database that an older plantnas wrote to this one's tables, after a copy of it."""
    from plantnas.records.migrations.upgrade import planned_upgrade, upgrade_database

    url = place_of(name_or_file, storage, folder).url
    planned = planned_upgrade(url)
    if planned.old == planned.new:
        show(f"The tables are of revision {planned.new}, which this plantnas needs.")
        return
    copied = f" A copy is kept in {planned.copy}." if planned.copy else ""
    show(f"Upgrading the tables from revision {planned.old} to {planned.new}.{copied}")
    upgrade_database(url)
    show("Done.")


@app.command()
def clean(
    name_or_file: Study,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List only.")] = False,
    storage: Storage = None,
    folder: Directory = None,
) -> None:
    """Remove what crashes left behind and nobody refers to; workers may run meanwhile."""
    from plantnas.records.study import StudyRecords
    from plantnas.trials.cleaning import clean, shown_size, summary
    from plantnas.trials.storage import open_database, storage_errors
    from plantnas.trials.study import existing_study

    place, found = recorded(existing(name_or_file, storage, folder)), []
    with storage_errors(place.url):
        opened = existing_study(place.name, place.url)
        records = StudyRecords(open_database(opened), place.name)
        for leftover in clean(opened, records, place.directory, dry_run):
            size = "" if leftover.bytes is None else f" ({shown_size(leftover.bytes)})"
            show(f"{leftover.kind} {leftover.name}{size}: {leftover.why}")
            found.append(leftover)
    show(summary(found, dry_run))
