"""Makes the record of a trained baseline: evaluated on validation, its weights kept."""

import optuna
from torch import nn

from plantnas.baselines.budget import Member
from plantnas.channels.resizing import widths_in
from plantnas.channels.structure import Structure
from plantnas.records.record import NetworkRecord
from plantnas.searching.prepared import PreparedStudy, Trained, network_record


def structure_of(prepared: PreparedStudy, network: nn.Module) -> Structure:
    """The structure of a network of the study's architecture."""
    structure = prepared.records.structure.opened  # which a baseline may narrow in any study
    return structure.with_widths(widths_in(network, structure))


def baseline_record(
    prepared: PreparedStudy,
    owner: optuna.Study | optuna.Trial,
    method: str,
    member: Member,
) -> NetworkRecord:
    """The record of a network, whose weights are in the study's folder.

    Whether it is compared, to what, or was a trial of a search, the caller adds.

    Args:
        prepared: The study.
        owner: What its weights belong to, for the dashboard.
        method: What made it.
        member: The network, and what its training gave and took.

    Raises:
        StorageError: The weights cannot be written.
    """
    network, epochs, phases = member
    with phases("evaluation"):
        evaluation = prepared.validate(network)
    structure = structure_of(prepared, network)
    trained = Trained(network, structure, tuple(epochs), evaluation, phases.seconds)
    return network_record(method, trained, prepared.weights, owner, prepared.pricing)
