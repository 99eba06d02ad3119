"""Which network of a study a user takes: the best within limits, a numbered one, or a crop.

How it is written to a file is in report/export/formats.py.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor, nn

from plantnas.channels.costs import counted, shown_cost, title_of
from plantnas.channels.planting import crop
from plantnas.channels.wiring import triangular, wired_as
from plantnas.errors import ConfigurationError, StudyError, shown
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.front import FINISH, PLANTING, is_choosable, lineage, pareto_front
from plantnas.report.images import evaluate_by_labels

NO_LIMITS: Mapping[str, float] = MappingProxyType({})


class Wanted(NamedTuple):
    """What a user asks for.

    Attributes:
        network_id: That network; None stands for the best one within the limits.
        limits: What it costs at most, by the names of costs; `cost` stands for the study's.
        widths: Of a crop of it; None stands for the network as it is.
    """

    network_id: int | None = None
    limits: Mapping[str, float] = NO_LIMITS
    widths: Mapping[str, int] | None = None


class Choice(NamedTuple):
    """A network and what is known of it.

    Attributes:
        network: In eval mode, on the CPU.
        record: Its record; the id is None for a crop that is no network of the study.
        ancestors: The widths of the networks inside it, where its wiring is triangular.
    """

    network: nn.Module
    record: NetworkRecord
    ancestors: Sequence[Mapping[str, int]] = ()


def best_within(
    name: str, networks: Sequence[NetworkRecord], limits: Mapping[str, float] = NO_LIMITS
) -> NetworkRecord:
    """The network of the highest validation accuracy within limits, the teacher apart.

    Args:
        name: The study's.
        networks: To choose from.
        limits: What it costs at most, by the names of costs; `cost` stands for the study's.

    Raises:
        StudyError: None is within the limits.
    """
    candidates = [each for each in networks if is_choosable(each) and each.method != "teacher"]
    front = pareto_front(
        [
            record
            for record in candidates
            if all(_cost_in(record, cost) <= most for cost, most in limits.items())
        ]
    )
    if front:
        return front[-1]
    if not candidates:
        raise StudyError(f"study {name!r}: no network is finished yet but the teacher.")
    smallest = min(candidates, key=lambda network: network.parameters)
    cheapest = min(candidates, key=lambda network: network.macs)
    asked = {candidates[0].cost_name if cost == "cost" else cost: None for cost in limits}
    others = [_least(candidates, cost) for cost in asked if cost not in ("parameters", "macs")]
    raise StudyError(
        f"study {name!r}: no network is within these limits: the smallest has "
        f"{smallest.parameters} parameters (network {smallest.id}), the cheapest takes "
        f"{cheapest.macs} MACs (network {cheapest.id}){''.join(others)}."
    )


def _cost_in(record: NetworkRecord, cost: str) -> float:
    return record.cost if cost == "cost" else record.cost_in(cost)


def _least(candidates: Sequence[NetworkRecord], cost: str) -> str:
    """The network that is cheapest by a cost, in words."""
    known = [each for each in candidates if not math.isnan(each.cost_in(cost))]
    if not known:
        return f", and {title_of(cost)} are recorded of none, as the study is older than that cost"
    best = min(known, key=lambda network: network.cost_in(cost))
    least = shown_cost(best.cost_in(cost))
    return f", and {least} {title_of(cost)} are the least (network {best.id})"


def wanted_record(
    records: StudyRecords, networks: Sequence[NetworkRecord], asked: Wanted
) -> NetworkRecord:
    """The network of the wanted number, or else the best of these within the limits.

    Raises:
        ConfigurationError: There is both a number and a limit.
        StudyError: There is no such network, or none within the limits.
    """
    if asked.network_id is None:
        return best_within(records.name, networks, asked.limits)
    if asked.limits:
        limits = " and ".join(asked.limits)
        raise ConfigurationError(
            f"network id {asked.network_id}: says which network, so that a limit of {limits} has "
            "no meaning beside it."
        )
    return records.network(asked.network_id)


def nested(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The networks of which an earlier one is a crop: planted ones with the seed, and families.

    A family begins with a network that has no parent; one that was finished alone has its widths
    from its parent.
    """
    families = {network.id for network in networks if network.kind == FINISH}
    return [
        network
        for network in networks
        if network.method in ("seed", PLANTING)
        or (network.id in families and network.parent_id in {None, *families})
    ]


def family_of(
    name: str, networks: Sequence[NetworkRecord], last: NetworkRecord
) -> list[NetworkRecord]:
    """A network and its ancestors, the seed first.

    Raises:
        StudyError: It is nested in no other.
    """
    if last not in nested(networks):
        raise StudyError(
            f"study {name!r}: network {last.id} is of method {last.method!r}: only the seed and "
            "networks that were planted, or trained as a family, have a family and crops."
        )
    return lineage(networks, last)


def parse_widths(text: str) -> dict[str, int]:
    """Widths of channel groups as a user writes them: a JSON object, or `group=width,...`.

    Raises:
        ConfigurationError: It is neither, or a group is there twice.
    """
    try:
        if text.lstrip().startswith("{"):
            pairs = json.loads(text, object_pairs_hook=list)
        else:
            pairs = [pair.split("=") for pair in text.split(",")]
        groups, widths = zip(
            *((name.strip(), int(str(width))) for name, width in pairs), strict=True
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(
            f"widths {shown(text)}: are neither group=width,... nor a JSON object of integers."
        ) from error
    if (twice := next((name for name in groups if groups.count(name) > 1), None)) is not None:
        raise ConfigurationError(f"widths: {twice!r} is there twice.")
    return dict(zip(groups, widths, strict=True))


def recorded_choice(records: StudyRecords, record: NetworkRecord) -> Choice:
    """A network of the study as it is recorded."""
    return Choice(records.load(record), record, records.ancestors(record) or ())


def crop_choice(
    records: StudyRecords,
    family: Sequence[NetworkRecord],
    widths: Mapping[str, int],
    validation: tuple[Tensor, Tensor],
) -> Choice:
    """The last network of a family at smaller widths.

    If an ancestor has these widths it is taken as recorded, with its own BatchNorms and classifier;
    another crop was never trained at its widths, and its accuracy is measured here.

    Args:
        records: The study's.
        family: A planted network behind its ancestors.
        widths: Of the groups that are not as wide as the last network's.
        validation: Images as the networks take them and their labels.

    Raises:
        PlantingError: An unknown group, or a width that a crop cannot have.
    """
    source = family[-1]
    for ancestor in family:
        if ancestor.widths == {**source.widths, **widths}:
            return recorded_choice(records, ancestor)
    uncropped = records.load_whole(source)
    structure = records.structure.with_widths(source.widths)
    if (ancestors := records.ancestors(source)) is not None:
        structure = triangular(structure, uncropped, ancestors)
    network = crop(uncropped, records.example, widths, structure=structure)
    structure = structure.with_widths(widths)
    network = wired_as(network, structure).eval()
    record = replace(
        source,
        id=None,
        parameters=structure.parameters(),
        macs=structure.macs(),
        costs=counted(structure),
        widths={**source.widths, **widths},
        evaluations=(evaluate_by_labels(records, network, *validation, "validation"),),
    )
    return Choice(network, record, structure.ancestors or ())
