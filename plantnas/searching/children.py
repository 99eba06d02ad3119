"""How a trial's network is made: the parent with a planting, and the network ahead of it.

What of them is trained, and how, is in training/planted.py.
"""

from collections.abc import Collection, Mapping

import optuna
from torch import Tensor, nn

from plantnas.channels.continuing import continued, take_back
from plantnas.channels.initialising import Initialisation
from plantnas.channels.planting import plant, planted_entries
from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.channels.wiring import left_out
from plantnas.records.optuna_artifacts import ArtifactStore
from plantnas.records.record import AheadRecord
from plantnas.records.weights import save_weights
from plantnas.searching.prepared import Parent, PreparedStudy
from plantnas.training.nested import normalisations
from plantnas.training.planted import Ahead, Child
from plantnas.training.prefix import names_behind
from plantnas.training.seeds import generator_for


def planted_child(prepared: PreparedStudy, parent: Parent, planting: Mapping[str, int]) -> Child:
    """The parent with the planting: the same rows whenever this parent is planted so.

    Where a wider network was trained along with the parent, it goes on from that one: it has its
    channels, and from the first planted layer on its normalisation.
    """
    # By its widths, not its trial's number, which is another if a trial before it was killed.
    purpose = ("rows", sorted(parent.record.widths.items()), sorted(planting.items()))
    generator, example = generator_for(prepared.config.random_seed, *purpose), prepared.example
    structure, start = parent.structure, prepared.initialisation()
    planted = planted_entries(structure, parent.network, planting)
    grown = structure.after(planting)
    if parent.ahead is None:
        network = plant(
            parent.network, example, planting, generator, initialisation=start, structure=structure
        )
        return _child(parent, network, grown, planted, own=())
    network = continued(parent.ahead, grown.growable_widths, example, start, generator)
    names, behind = named_tensors(network).keys(), names_behind(network, planted.keys())
    # Of triangular wiring all that is not planted computes what it did, wherever it is.
    others = behind if grown.ancestors is None else classifier_tensors(grown)
    take_back(network, parent.network, names - others, grown, structure.widths)
    return _child(parent, network, grown, planted, behind)


def child_and_ahead(
    prepared: PreparedStudy,
    parent: Parent,
    planting: Mapping[str, int],
    coming: Mapping[str, int],
) -> tuple[Child, Ahead | None]:
    """The parent with the planting, and the network that is trained along, if one is.

    Args:
        prepared: The study.
        parent: Is planted.
        planting: {group: new channels}.
        coming: Further ones, of the network that is trained along; none without one.
    """
    child = planted_child(prepared, parent, planting)
    if not coming:
        return child, None
    start, random_seed, structure = (
        prepared.initialisation(),
        prepared.config.random_seed,
        child.structure,
    )
    network = network_ahead(child.network, structure, coming, start, prepared.example, random_seed)
    wider, before = structure.after(coming), parent.structure
    new = {name: wider.widths[name] - width for name, width in before.growable_widths.items()}
    planted = planted_entries(before, parent.network, new)
    for name, mask in left_out(wider).items():
        planted[name] &= ~mask.to(planted[name].device)
    behind = names_behind(network, planted.keys())
    ahead = Ahead(_child(parent, network, wider, planted, behind), prepared.config.search.ahead)
    return _child(parent, child.network, structure, child.planted, behind), ahead


def network_ahead(
    network: nn.Module,
    structure: Structure,
    planting: Mapping[str, int],
    initialisation: Initialisation,
    example: Tensor,
    random_seed: int,
) -> nn.Module:
    """The network of the next size, which is to be trained along with one."""
    purpose = ("ahead", sorted(structure.growable_widths.items()), sorted(planting.items()))
    return plant(
        network,
        example,
        planting,
        generator_for(random_seed, *purpose),
        initialisation=initialisation,
        structure=structure,
    )


def recorded_ahead(
    network: nn.Module,
    structure: Structure,
    store: ArtifactStore,
    owner: optuna.Study | optuna.Trial,
) -> AheadRecord:
    """The record of a network that was trained along, whose weights are written with this.

    Raises:
        StorageError: They cannot be written.
    """
    artifact_id, sha256 = save_weights(network.state_dict(), store, owner)
    return AheadRecord(artifact_id, sha256, structure.growable_widths)


def _child(
    parent: Parent,
    network: nn.Module,
    structure: Structure,
    planted: Mapping[str, Tensor],
    own: Collection[str],
) -> Child:
    """A child of the parent, whose normalisation layers among the named tensors are its own."""
    norms = normalisations(network) if structure.ancestors is None else set[str]()
    classifier, parent_id = classifier_tensors(structure), parent.network_id
    return Child(network, planted, classifier, parent_id, structure, norms.intersection(own))
