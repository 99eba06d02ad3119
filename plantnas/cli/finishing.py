"""The command `finish`: the widths of a network of a study, or of its lineage, trained whole."""

from typing import Annotated

import typer

from plantnas.cli.options import (
    Devices,
    Directory,
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
    console,
    existing,
    limits_of,
    records_of,
    show,
)

Together = Annotated[
    bool,
    typer.Option(
        "--family",
        help="Train it together with all its ancestors, each a crop of the next; without a number "
        "or limit, the lineage of the best network.",
    ),
]


def finish(
    name_or_file: Study,
    network_id: Annotated[
        int | None, typer.Option("--network", help="Of this planted network or seed, not the best.")
    ] = None,
    max_parameters: MaxParameters = None,
    max_macs: MaxMacs = None,
    max_cost: MaxCost = None,
    max_bytes: MaxBytes = None,
    max_bytes_float16: MaxBytesFloat16 = None,
    max_bytes_int8: MaxBytesInt8 = None,
    max_activation_memory: MaxActivationMemory = None,
    together: Together = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Of the training; by default those of it and its ancestors; of a family as many "
            "as cost what training its networks one by one would."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak of the schedule; by default the seed's, for this size."),
    ] = None,
    storage: Storage = None,
    trust: Trust = False,
    folder: Directory = None,
    devices: Devices = "auto",
) -> None:
    """Train the widths of a network of a study whole, or those of its lineage as a family."""
    import optuna

    from plantnas.baselines.finishing import evaluate_finished, finish_networks, plan_for, summary
    from plantnas.report.export.choice import Wanted
    from plantnas.searching.devices import chosen_devices
    from plantnas.searching.display import making_displayed

    place = existing(name_or_file, storage, folder)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    of_bytes = max_bytes, max_bytes_float16, max_bytes_int8
    limits = limits_of(max_parameters, max_macs, max_cost, *of_bytes, max_activation_memory)
    wanted = Wanted(network_id, limits)
    plan = plan_for(records_of(place), wanted, epochs, learning_rate, together)
    with making_displayed(console) as display:
        finished = finish_networks(place, plan, chosen_devices(devices)[0], display.say)
    for pair in zip(finished, plan.sources, strict=True):
        show(summary(*pair))
    evaluate_finished(place)
