"""The command `finish`: the widths of a network of a study, or of its lineage, trained whole."""

from typing import Annotated

import typer

from plantnas.cli.options import (
    Device,
    Directory,
    Storage,
    Study,
    Trust,
    existing,
    records_of,
    show,
)


def finish(
    name_or_file: Study,
    network_id: Annotated[
        int | None, typer.Option("--network", help="The widths of this planted network or seed.")
    ] = None,
    max_parameters: Annotated[
        int | None,
        typer.Option(min=1, help="Those of the most accurate one with at most so many parameters."),
    ] = None,
    together: Annotated[
        bool,
        typer.Option(
            "--family",
            help="Train it together with all its ancestors, each a crop of the next; without a "
            "number or limit, the lineage of the best network.",
        ),
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Of the training; by default those of that network and its ancestors; of a family "
            "as many as cost what training its networks one by one would."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak of the schedule; by default that of the seed's, for this size."),
    ] = None,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
    device: Device = "cpu",
) -> None:
    """Train the widths of a network of a study whole, or those of its lineage as a family."""
    import optuna

    from plantnas.baselines.finishing import evaluate_finished, finish_networks, plan_for, summary
    from plantnas.report.export.choice import Wanted

    place = existing(name_or_file, storage, folder)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    asked = Wanted(network_id, max_parameters)
    records = records_of(place)
    plan = plan_for(records, asked, epochs, learning_rate, together)
    finished = finish_networks(place, plan, device, show)
    for record, source in zip(finished, plan.sources, strict=True):
        show(summary(record, source))
    evaluate_finished(place)
