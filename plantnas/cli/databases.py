"""The commands `db ...`: a study's database itself."""

import typer

from plantnas.cli.options import Directory, Storage, Study, place_of, show

app = typer.Typer(help="The database of a study itself.", no_args_is_help=True)


@app.command()
def upgrade(study: Study, storage: Storage = None, directory: Directory = None) -> None:
    """Bring a database that an older plantnas wrote to this one's tables, after a copy of it."""
    from plantnas.records.migrations.upgrade import planned_upgrade, upgrade_database

    _, url = place_of(study, storage, directory)
    planned = planned_upgrade(url)
    if planned.old == planned.new:
        show(f"The tables are of revision {planned.new}, which this plantnas needs.")
        return
    copied = f" A copy is kept in {planned.copy}." if planned.copy else ""
    show(f"Upgrading the tables from revision {planned.old} to {planned.new}.{copied}")
    upgrade_database(url)
    show("Done.")
