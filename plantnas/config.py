"""Frozen models of the YAML files: a search space, a study, and all their settings.

Reading them, with one clear line for each mistake, is in config_files.py.
"""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator


class Settings(BaseModel):
    """Base of all settings: immutable, and every key must be known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Width(Settings):
    """How wide a network of the search space is."""

    width: PositiveFloat = 1.0
    """Fraction of the architecture's own widths."""
    minimum: PositiveInt = 1
    """No channel group gets fewer channels than this."""


class Growth(Settings):
    """Which channel groups may grow in a step, and by how much."""

    groups: tuple[str, ...] = ("*",)
    """Shell patterns of group names."""
    up_to: PositiveFloat = 2.0
    """A step adds at most this multiple of a group's width. No group outgrows the teacher's."""
    proposal: Literal["counts", "shares"] = "counts"
    """`counts`: one integer a group, the number of new channels. `shares`: each group's share of
    the growth and its total; the planting is scaled to them, which suits tens of groups."""


class SearchSpace(Settings):
    """An architecture, the widths of its seed and teacher, and what may grow."""

    architecture: str
    """A family of plantnas, `torchvision/NAME`, or `module:function`."""
    arguments: dict[str, Any] = {}
    """More keyword arguments of the architecture's constructor."""
    teacher: Width = Width()
    seed: Width = Width(width=0.125)
    grow: Growth = Growth()


class Data(Settings):
    """The data set and its fixed augmented views."""

    name: Literal["digits", "fashion-mnist", "cifar10", "cifar100", "stl10", "svhn", "imagefolder"]
    root: str | None = None
    """Folder of the data set; each data set has its usual place."""
    download: bool = False
    """Let torchvision download the data set into `root`."""
    train: PositiveInt | None = None
    """Number of training images; all that validation leaves, if not given."""
    validation: PositiveInt = 1000
    """Number of images taken from the training split to choose networks by."""
    views: PositiveInt = 2
    """Fixed views of each training image; the first is the image itself."""
    flip: bool = True
    """Every other view is mirrored."""
    shift: int = Field(default=0, ge=0)
    """Views but the first are shifted by up to this many pixels, at random."""
    channels: Literal[1, 3] | None = None
    """3 repeats the channel of grey images."""
    image_size: PositiveInt | None = None
    """imagefolder: images are resized and cropped to this height and width (default 64)."""
    unlabelled: bool = False
    """stl10: distil from its unlabelled split too."""


class Recipe(Settings):
    """How a network is trained. The defaults are those of Adam's runs in docs/recipe.md."""

    epochs: PositiveInt = 12
    batch_size: PositiveInt = 64
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """`sgd` has Nesterov momentum."""
    learning_rate: PositiveFloat = 0.01
    """Peak of the schedule: linear warm-up, then half a cosine to zero."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's moments; the first is SGD's momentum."""
    weight_decay: float = Field(default=0.0, ge=0)
    warmup: float = Field(default=0.25, ge=0, lt=1)
    """Share of the steps that warm up."""


class Distillation(Settings):
    """Knowledge distillation (Hinton, Vinyals and Dean 2015) from the teacher's logits."""

    temperature: PositiveFloat = 4.0
    label_weight: float = Field(default=0.1, ge=0, le=1)
    """Weight of the labels' cross-entropy; the teacher's has the rest."""


class Planting(Recipe):
    """How planted channels are trained, for a short screening or a long growing trial."""

    screen_epochs: PositiveInt = 2
    """Epochs of the trials that rank plantings."""
    epochs: PositiveInt = 12
    """Epochs of the growing trial, whose network becomes a parent."""
    batch_norm: Literal["batch", "running"] = "batch"
    """Statistics of the earlier channels from the first planted layer on: of the `batch`, so that
    they follow their new inputs, or the parent's `running` ones. Their affine stays frozen."""
    classifier: Literal["retrained", "planted"] = "retrained"
    """Train the whole classifier in each step, or its planted columns only."""
    column_init: float = Field(default=0.0, ge=0)
    """Scale of the new columns of earlier rows, times the layer's own initialisation. At 0 the
    child starts with its parent's function."""


class Sampler(Settings):
    """An Optuna sampler by its class name, and its arguments."""

    name: str = "TPESampler"
    arguments: dict[str, Any] = {"multivariate": True, "n_startup_trials": 5}


class Search(Settings):
    """Steps, trials, sampler and policy of a study."""

    steps: PositiveInt = 3
    trials_per_step: PositiveInt = 12
    """Screening trials of a step; plantings that are not trained do not count."""
    policy: Literal["greedy", "beam", "pareto"] = "greedy"
    beam_width: PositiveInt = 2
    winner: Literal["hypervolume", "best_accuracy", "gain_per_parameter"] = "hypervolume"
    sampler: Sampler = Sampler()
    minimum_growth: float = Field(default=1.3, ge=1)
    """A planting has at least this multiple of its parent's parameters ..."""
    maximum_growth: float = Field(default=2.5, gt=1)
    """... and at most this one. Outside, it is infeasible and not trained."""
    maximum_parameters: PositiveInt | None = None
    """No network of the study has more parameters."""

    @model_validator(mode="after")
    def _window_is_not_empty(self) -> "Search":
        if self.minimum_growth >= self.maximum_growth:
            raise ValueError(
                f"minimum_growth {self.minimum_growth} must be below "
                f"maximum_growth {self.maximum_growth}"
            )
        return self


class StudyConfig(Settings):
    """A whole study: what a `studies/*.yaml` file says."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    search_space: SearchSpace
    data: Data
    teacher: Recipe = Recipe(learning_rate=0.005)
    seed: Recipe = Recipe()
    planting: Planting = Planting()
    distillation: Distillation = Distillation()
    search: Search = Search()
    random_seed: int = Field(default=0, ge=0, lt=2**31)
    """Everything that is drawn in the study derives from it."""
    memory_gigabytes: PositiveFloat = 2.0
    """Limit of the cached features of the frozen prefix, in each worker."""

    def identity(self) -> dict[str, Any]:
        """What makes it this study and no other, by dotted keys.

        The number of steps and the memory limit change no result that exists, so they may differ
        when a study is resumed; the place of the data may, as the data's own hash is compared.
        """
        identity = _flat(self.model_dump(mode="json"))
        exempt = ("search.steps", "data.root", "data.download", "memory_gigabytes")
        return {key: value for key, value in identity.items() if key not in exempt}

    def hash(self) -> str:
        """SHA-256 of the identity, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
