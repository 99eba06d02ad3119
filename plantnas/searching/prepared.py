"""What every worker of a study holds: data, records, the teacher's logits, the networks so far.

How teacher and seed come to be is in preparing.py, what a trial does with it in objective.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import optuna
import torch
from torch import Tensor, nn

from plantnas.channels.initialisations import ROWS
from plantnas.channels.initialising import Donor, Initialisation, Samples
from plantnas.channels.shrinking import sampled_donor, shrunk
from plantnas.channels.structure import Structure
from plantnas.config import StudyConfig
from plantnas.measured import Epoch, Evaluation
from plantnas.records.optuna_artifacts import ArtifactStore
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.records.weights import save_weights
from plantnas.searching.outlines import widest
from plantnas.searching.pricing import Pricing
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData, validate
from plantnas.training.held_back import HeldBack, held_back
from plantnas.training.seeds import generator_for

NOTHING: Mapping[str, int] = MappingProxyType({})
"""A planting of no channels."""
PROBED_PLACES = 4_000
"""Outputs of a layer that a probe is fitted to: they rank widths as all do, in half the time."""


@dataclass(frozen=True)
class Parent:
    """A network that can be planted, with what every trial of it needs.

    Attributes:
        network: In eval mode, with all its weights.
        structure: Its channel groups.
        record: Its row in the database.
        ahead: The wider network that was trained along with it, if one was.
    """

    network: nn.Module
    structure: Structure
    record: NetworkRecord
    ahead: Donor | None = None

    @property
    def network_id(self) -> int:
        """Its id in the database."""
        assert self.record.id is not None
        return self.record.id


@dataclass
class PreparedStudy:
    """A study whose teacher is trained, in the memory of one process.

    Attributes:
        config: The study's configuration.
        records: What its database has of it.
        weights: Where the weights of its networks are.
        data: Images, targets and loss.
        example: Two normalised images, to analyse networks with.
        teacher: The teacher's record.
        seed_structure: The seed's channel groups.
        make_seed: Gives the seed's record. It is trained when it is first asked for, once a study,
            and then the network that a planting makes of it along with it.
        samples: Gives what the teacher's layers compute on some training images, which is made
            once a study, when it is first asked for.
        pricing: What its networks cost.
        device: Where networks are trained.
        features: Features of frozen prefixes, shared by the workers of a machine.
    """

    config: StudyConfig
    records: StudyRecords
    weights: ArtifactStore
    data: TrainingData
    example: Tensor
    teacher: NetworkRecord
    seed_structure: Structure
    make_seed: Callable[[Mapping[str, int]], NetworkRecord]
    samples: Callable[[], Samples]
    pricing: Pricing
    device: torch.device
    features: FeatureCache
    _seed: NetworkRecord | None = field(default=None, repr=False)
    _parent: Parent | None = field(default=None, repr=False)
    _structures: dict[int, Structure] = field(default_factory=dict, repr=False)

    @property
    def seed(self) -> NetworkRecord:
        """The seed's record."""
        return self.seed_before(NOTHING)

    def seed_before(self, planting: Mapping[str, int]) -> NetworkRecord:
        """The seed's record; one that is not trained yet is, along with a planting of it."""
        if self._seed is None:
            self._seed = self.make_seed(planting)
        return self._seed

    def structure_of(self, trial_number: int | None) -> Structure:
        """The structure of a trial's network, or of the seed if None; it need not be trained."""
        if trial_number is None:
            return self.seed_structure
        if trial_number not in self._structures:
            self._structures[trial_number] = self._structure(self._record_of(trial_number))
        return self._structures[trial_number]

    def parent(self, trial_number: int | None, planting: Mapping[str, int] = NOTHING) -> Parent:
        """The network of a grow trial, or the seed if None; the last one is kept in memory.

        Args:
            trial_number: The trial's.
            planting: What is to be planted in it: a seed that is not trained yet is trained with a
                view to it.
        """
        if trial_number is None:
            record = self.seed_before(planting)
        else:
            record = self._record_of(trial_number)
        if self._parent is None or self._parent.record.id != record.id:
            network, ahead = self.records.load_whole(record).to(self.device), None
            structure = self.structure_of(trial_number)
            if record.ahead is not None:
                wider = self.records.load_ahead(record.ahead).to(self.device)
                ahead = Donor(wider, structure.with_widths(record.ahead.widths))
            self._parent = Parent(network, structure, record, ahead)
        return self._parent

    def initialisation(self) -> Initialisation:
        """What new channels start from; the teacher is loaded once, and not for fresh ones."""
        given, donor = self.config.planting, None
        if given.rows != "fresh":
            donor = self.sampled_donor if self.config.fits_channels else self._donor
        return Initialisation(ROWS.find(given.rows), given.column_init, donor)

    @cached_property
    def widest(self) -> Mapping[str, int]:
        """The widths that no network of the study outgrows."""
        return widest(self.records.structure, self.teacher)

    def _record_of(self, trial_number: int) -> NetworkRecord:
        record = self.records.network_of_trial(trial_number)
        assert record is not None, f"the finished trial {trial_number} has no network"
        return record

    def _structure(self, record: NetworkRecord) -> Structure:
        """A network's structure, which may depend on what it was planted from."""
        structure = self.seed_structure
        for widths in (*(self.records.ancestors(record) or ()), record.widths):
            structure = structure.with_widths(widths)
        return structure

    @cached_property
    def sampled_donor(self) -> Donor:
        """The teacher with its largest channels first, and what it computes inside."""
        donor, samples = self._donor, self.samples()
        if self.config.teacher_gives_channels:  # it is recorded in that order
            return donor._replace(samples=samples)
        return sampled_donor(donor.network, donor.structure, samples.images)

    def probe(self, widths: Mapping[str, int]) -> float:
        """The loss, on images that are held back, of the teacher shrunk to some widths."""
        return self.held_back.loss(shrunk(self._probed_donor, widths))

    @cached_property
    def _probed_donor(self) -> Donor:
        donor = self.sampled_donor
        assert donor.samples is not None
        return donor._replace(samples=donor.samples.at_most(PROBED_PLACES))

    @cached_property
    def _donor(self) -> Donor:
        return donor_of(self.records, self.teacher, self.example, None)

    @cached_property
    def held_back(self) -> HeldBack:
        """The images that probes are valued by."""
        seen = self.samples().indices
        assert seen is not None
        return held_back(self.data, seen, generator_for(self.config.random_seed, "held back"))

    def validate(self, network: nn.Module) -> Evaluation:
        """Accuracy and loss of a whole network on the validation images."""
        return validate(network, self.data)


def donor_of(
    records: StudyRecords,
    teacher: NetworkRecord,
    example: Tensor,
    samples: Callable[[], Samples] | None,
) -> Donor:
    """The teacher as a network that gives channels, on the example's device, with its samples."""
    network = records.load(teacher).to(example.device)
    structure = records.structure.with_widths(teacher.widths)
    return Donor(network, structure, samples() if samples else None)


def features_folder(directory: Path) -> Path:
    """Where in a study's folder the features of frozen prefixes are while it runs."""
    return directory / "features"


class Trained(NamedTuple):
    """A trained network, and what its training gave.

    Attributes:
        network: As it is after the training.
        structure: Its own.
        epochs: Those that it was trained.
        evaluation: On validation, after the last of them.
        seconds: {phase: wall time}.
    """

    network: nn.Module
    structure: Structure
    epochs: tuple[Epoch, ...]
    evaluation: Evaluation
    seconds: dict[str, float]


def network_record(
    method: str,
    trained: Trained,
    store: ArtifactStore,
    owner: optuna.Study | optuna.Trial,
    pricing: Pricing,
) -> NetworkRecord:
    """The record of a trained network, whose weights are written with this.

    Whose trial, child or baseline it is, the caller adds.

    Args:
        method: What made it.
        trained: The network.
        store: Where its weights go.
        owner: What they belong to, for Optuna and its dashboard.
        pricing: What networks of the study cost.

    Raises:
        StorageError: The weights cannot be written.
    """
    artifact_id, sha256 = save_weights(trained.network.state_dict(), store, owner)
    return NetworkRecord(
        method=method,
        kind=None,
        trial_number=None,
        parent_id=None,
        step=None,
        parameters=trained.structure.parameters(),
        macs=trained.structure.macs(),
        widths=trained.structure.growable_widths,
        planted={},
        evaluations=(trained.evaluation,),
        epochs=trained.epochs,
        artifact_id=artifact_id,
        sha256=sha256,
        seconds=dict(trained.seconds),
        costs=pricing.recorded(trained.structure),
        cost_name=pricing.name,
    )
