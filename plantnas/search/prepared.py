"""What every worker of a study holds: data, records, the teacher's logits, the networks so far.

How teacher and seed come to be is in preparing.py, what a trial does with it in objective.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.structure import Structure
from plantnas.config import StudyConfig
from plantnas.records.record import EpochRecord, Evaluation, NetworkRecord, Split
from plantnas.records.study import StudyRecords
from plantnas.training.evaluation import Metrics
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import Epoch, TrainingData, validate

if TYPE_CHECKING:
    from optuna.artifacts._protocol import ArtifactStore


@dataclass(frozen=True)
class Parent:
    """A network that can be planted, with what every trial of it needs.

    Attributes:
        network: In eval mode, with all its weights.
        structure: Its channel groups.
        record: Its row in the database.
    """

    network: nn.Module
    structure: Structure
    record: NetworkRecord

    @property
    def network_id(self) -> int:
        """Its id in the database."""
        assert self.record.id is not None
        return self.record.id

    def widths_with(self, planting: Mapping[str, int]) -> dict[str, int]:
        """The widths that the planted groups get."""
        groups = self.structure.groups
        return {name: groups[name].width + new for name, new in planting.items()}


@dataclass
class PreparedStudy:
    """A study whose teacher and seed are trained, in the memory of one process.

    Attributes:
        config: The study's configuration.
        records: What its database has of it.
        weights: Where the weights of its networks are.
        data: Images, targets and loss.
        example: Two normalised images, to analyse networks with.
        teacher: The teacher's record.
        seed: The seed's record.
        device: Where networks are trained.
        features: Features of frozen prefixes, shared by the workers of a machine.
    """

    config: StudyConfig
    records: StudyRecords
    weights: "ArtifactStore"
    data: TrainingData
    example: Tensor
    teacher: NetworkRecord
    seed: NetworkRecord
    device: torch.device
    features: FeatureCache
    _parent: Parent | None = field(default=None, repr=False)
    _donor: nn.Module | None = field(default=None, repr=False)

    def parent(self, trial_number: int | None) -> Parent:
        """The network of a grow trial, or the seed if None; the last one is kept in memory."""
        record = self.seed
        if trial_number is not None:
            found = self.records.network_of_trial(trial_number)
            assert found is not None, f"the finished trial {trial_number} has no network"
            record = found
        if self._parent is None or self._parent.record.id != record.id:
            network = self.records.load(record).to(self.device).eval()
            self._parent = Parent(network, analyse(network, self.example), record)
        return self._parent

    def donor(self) -> nn.Module | None:
        """The teacher, if new channels start from its channels of the same places."""
        if self.config.planting.rows == "teacher" and self._donor is None:
            self._donor = self.records.load(self.teacher).to(self.device)
        return self._donor

    def validate(self, network: nn.Module) -> Metrics:
        """Accuracy and loss of a whole network on the validation images."""
        return validate(network, self.data)


def features_folder(directory: Path) -> Path:
    """Where in a study's folder the features of frozen prefixes are while it runs."""
    return directory / "features"


def epoch_records(epochs: tuple[Epoch, ...]) -> tuple[EpochRecord, ...]:
    """The epochs of a training as the database keeps them."""
    return tuple(EpochRecord(**epoch._asdict()) for epoch in epochs)


def evaluation(split: Split, metrics: Metrics) -> Evaluation:
    """The metrics of a split as the database keeps them."""
    return Evaluation(split=split, **metrics._asdict())


def all_widths(structure: Structure, changes: Mapping[str, int] | None = None) -> dict[str, int]:
    """The widths of the growable groups, with some changed."""
    widths = {name: group.width for name, group in structure.growable.items()}
    return widths | dict(changes or {})
