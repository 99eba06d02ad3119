"""The records of a study as frozen dataclasses. How they are kept is in ``study.py``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import nan
from typing import Any

from plantnas.measured import Epoch, Evaluation, Split
from plantnas.networks import code_of
from plantnas.records.damage import damage_told
from plantnas.search_space import SearchSpace
from plantnas.tasks import Task
from plantnas.trust import found


@dataclass(frozen=True)
class ImagesRecord:
    """What a study's images are like.

    Attributes:
        num_classes: How many numbers a network answers: one for each class, label or number.
        channels: Of each image, as are the next two.
        height: Pixels; None of inputs that are no images.
        width: Pixels; None of inputs that are no images.
        mean: Of the training pixels of each channel, in 0 .. 255; none of inputs that networks
            take as they are.
        std: Their standard deviation.
        fingerprint: Hexadecimal SHA-256 of the images and of how they are split.
        shape: Of each input that is no image, its channels first; None of images.
        task: What is learnt.
    """

    num_classes: int
    channels: int
    height: int | None
    width: int | None
    mean: list[float]
    std: list[float]
    fingerprint: str
    shape: list[int] | None = None
    task: Task = "classification"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of each image: channels x height x width, or whatever it has."""
        if self.shape is not None:
            return tuple(self.shape)
        assert self.height is not None
        assert self.width is not None
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class StudyRecord:
    """What a study was asked and what it ran on.

    Attributes:
        name: Its name, unique in the database; also Optuna's.
        optuna_study_id: Optuna's id of it, once there is one.
        configuration: The whole configuration, as JSON has it.
        configuration_hash: Hexadecimal hash of what may not change between runs.
        artifacts: Where weights and the teacher's logits are: a URL of ``artifacts.py``, or a
            folder: relative to the SQLite file's when it lies below it (so both can be moved
            together), else absolute.
        versions: The version of each library that matters.
        hardware: What the study was started on.
        created: When, in UTC.
    """

    name: str
    optuna_study_id: int | None
    configuration: dict[str, Any]
    configuration_hash: str
    artifacts: str
    versions: dict[str, str]
    hardware: dict[str, Any]
    created: datetime

    @property
    def images(self) -> ImagesRecord:
        """What its images are like."""
        with damage_told(f"study {self.name!r}: its images"):
            return ImagesRecord(**self.configuration["images"])

    @property
    def cost_name(self) -> str:
        """The cost that it trades accuracy for; the older ones know none but parameters."""
        with damage_told(f"study {self.name!r}: its search"):
            name: str = self.configuration.get("search", {}).get("cost", "parameters")
        return name

    @property
    def search_space(self) -> SearchSpace:
        """Which architecture it grows; the rest of the configuration may be an older plantnas's."""
        with damage_told(f"study {self.name!r}: its search space"):
            space = SearchSpace.model_validate(self.configuration["search_space"])
        found(code_of(space), f"the database of study {self.name!r}")
        return space

    def ancestors(self, line: "Sequence[NetworkRecord]") -> list[dict[str, int]] | None:
        """The widths of what a network was planted from, if its channels do not see later ones.

        Args:
            line: The network behind its ancestors, the seed first.

        Returns:
            None where the network's wiring is dense.
        """
        is_planted = line[-1].method in ("seed", "planting")
        if not is_planted or self.search_space.wiring == "dense":
            return None
        return [each.widths for each in line[:-1]]


@dataclass(frozen=True)
class BaselineRun:
    """How a baseline was made, to be compared to a planted network of its size.

    Attributes:
        target_id: The id of that network, of the same study.
        repetition: 0, 1, ...: each draws its own weights and batches.
        learning_rate: Peak of its schedules.
        budget_epochs: Epochs that it was allowed: those of the target and all its ancestors.
        uses_teacher: Whether the method needs the teacher, whose training is a cost of it, then.
    """

    target_id: int
    repetition: int
    learning_rate: float
    budget_epochs: int
    uses_teacher: bool


@dataclass(frozen=True)
class AheadRecord:
    """The wider network that was trained along with one, and that its plantings go on from.

    Attributes:
        artifact_id: Where ``weights.load_weights`` finds its weights.
        sha256: Hexadecimal hash of these.
        widths: Channels of each group that can grow.
    """

    artifact_id: str
    sha256: str
    widths: dict[str, int]


@dataclass(frozen=True)
class NetworkRecord:
    """A trained network of a study.

    Attributes:
        method: What made it: "teacher", "seed", "planting", "finish", or a baseline's name.
        kind: "screen" or "grow" for a planted one, "finish" for a finished one; of a baseline's
            method, "baseline" for what is compared and "trial" for what its own search tried; else
            None. Required with a trial number.
        trial_number: The number of its Optuna trial, if a trial made it.
        parent_id: The id of the network that it was planted from, or that a finished one has its
            widths from, of the same study.
        step: 0 for the seed, 1 for the first planting, ...; a baseline's is its target's, a
            finished network's its parent's.
        parameters: Number of parameters.
        macs: Multiply-accumulate operations for one image.
        widths: Channels of each group, in the order of the network; none where the teacher is of
            another architecture than the students.
        planted: New channels of each planted group; zeros are not kept.
        evaluations: At most one for each split.
        epochs: Its own training, in order; NaN stays NaN. A finished one's, and a loaded teacher's,
            begin with number 0.
        artifact_id: Where ``weights.load_weights`` finds its weights.
        sha256: Hexadecimal hash of these.
        seconds: What each phase of making it took, e.g. ``{"training": 8.1}``.
        id: Given by the database.
        created: When it was recorded (UTC); None stands for now.
        costs: What it costs beside parameters and MACs, by the name of the cost.
        cost_name: The cost that its study trades accuracy for.
        baseline: What it is compared to, if it is a baseline.
        ahead: The network that was trained along with it, if one was.
    """

    method: str
    kind: str | None
    trial_number: int | None
    parent_id: int | None
    step: int | None
    parameters: int
    macs: int
    widths: dict[str, int]
    planted: dict[str, int]
    evaluations: tuple[Evaluation, ...]
    epochs: tuple[Epoch, ...]
    artifact_id: str | None
    sha256: str | None
    seconds: dict[str, float] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    cost_name: str = "parameters"
    id: int | None = None
    created: datetime | None = None
    baseline: BaselineRun | None = None
    ahead: AheadRecord | None = None

    @property
    def cost(self) -> float:
        """What it costs as its study counts; NaN where that was not recorded."""
        return self.cost_in(self.cost_name)

    def cost_in(self, name: str) -> float:
        """What it costs by the cost of that name; NaN where that was not recorded."""
        counted = {"parameters": self.parameters, "macs": self.macs}
        return counted[name] if name in counted else self.costs.get(name, nan)

    @property
    def is_other_teacher(self) -> bool:
        """Whether it is a teacher of another architecture: it has no channel groups."""
        return self.method == "teacher" and not self.widths

    def evaluation_on(self, split: Split) -> Evaluation | None:
        """Its evaluation on a split, if there is one."""
        return next((found for found in self.evaluations if found.split == split), None)
