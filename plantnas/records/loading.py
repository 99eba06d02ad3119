"""Builds the recorded networks again, with their weights. Nothing here trains."""

from typing import Any

import torch
from torch import Tensor, nn

from plantnas.channels.planting import narrow
from plantnas.config import SearchSpace, StudyConfig
from plantnas.config_files import validated
from plantnas.errors import StudyError
from plantnas.networks.loader import build_network
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.weights import load_weights

_STOOD_FOR = {
    "seed": {"start": "fresh", "l2_sp": 0.0},
    "planting": {"rows": "fresh", "l2_sp": 0.0},
}
"""What a study did that was made before these keys were, where that is not the default."""


def example_images(images: dict[str, Any]) -> Tensor:
    """Two blank images of the shape that a study's configuration records."""
    return torch.zeros(2, images["channels"], images["height"], images["width"])


def recorded_config(database: Database, study: str) -> StudyConfig:
    """The configuration that a study was made with.

    A key that is newer than the study has the value that it stood for.

    Raises:
        StudyError: There is no such study.
        ConfigurationError: It is of a plantnas whose settings this one does not know.
    """
    recorded = dict(database.study(study).configuration)
    recorded.pop("images")
    for part, keys in _STOOD_FOR.items():
        recorded[part] = {**keys, **recorded[part]}
    return validated(StudyConfig, recorded, f"{database.url}: study {study!r}")


def network_at(
    search_space: SearchSpace, images: dict[str, Any], widths: dict[str, int], seed: int = 0
) -> nn.Module:
    """The architecture at some widths, with fresh weights.

    Args:
        search_space: Which architecture.
        images: `num_classes`, `channels`, `height` and `width` of the study's images.
        widths: Of the groups that are not as wide as the architecture makes them.
        seed: Seed of the weights.
    """
    network = build_network(
        search_space.architecture,
        images["num_classes"],
        images["channels"],
        search_space.arguments,
        seed,
    )
    generator = torch.Generator().manual_seed(seed)
    return narrow(network, example_images(images), widths, generator)


def network_of(database: Database, study: str, record: NetworkRecord) -> nn.Module:
    """The network of a record, in eval mode.

    Raises:
        StudyError: Its weights were not kept.
        StorageError: Its weights are missing or damaged.
    """
    if record.artifact_id is None or record.sha256 is None:
        raise StudyError(f"study {study!r}: the weights of network {record.id} were not kept.")
    configuration = database.study(study).configuration
    search_space = SearchSpace.model_validate(configuration["search_space"])
    network = network_at(search_space, configuration["images"], record.widths)
    store = database.artifact_store(study)
    network.load_state_dict(load_weights(store, record.artifact_id, record.sha256))
    return network.eval()


def load_network(storage: str, study: str, network_id: int) -> nn.Module:
    """A network of a study with its trained weights, in eval mode, on the CPU.

    It takes normalised images, such as `plantnas.load_images` gives, and reproduces the recorded
    validation accuracy.

    Args:
        storage: URL of the study's database.
        study: Name of the study.
        network_id: Its id in the table `plantnas_networks` and in `networks_frame`.

    Raises:
        StudyError: There is no such study or network.
        StorageError: The database cannot be opened, or the weights are missing or damaged.
    """
    database = Database(storage)
    return network_of(database, study, database.network(study, network_id))
