"""The commands that show a study: `status`."""

from plantnas.cli.options import Directory, Storage, Study, console, existing


def status(study: Study, storage: Storage = None, directory: Directory = None) -> None:
    """Steps, trials, failures, best networks and cost of a study so far."""
    from plantnas.records.database import Database
    from plantnas.report.tables import cost_table, front_table
    from plantnas.search.progress import progress, progress_table
    from plantnas.search.study import existing_study

    name, url = existing(study, storage, directory)
    console.print(progress_table(progress(existing_study(name, url))))
    networks = Database(url).networks(name)
    console.print(cost_table(networks))
    console.print(front_table(networks))
