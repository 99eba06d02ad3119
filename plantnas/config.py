"""Frozen models of a study's YAML file: all settings but its search space's.

Those are in search_space.py. Reading the files, with one clear line for each mistake, is in
config_files.py.
"""

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from plantnas.grouping import flat
from plantnas.search_space import SearchSpace
from plantnas.settings import (
    Amount,
    Arguments,
    Count,
    Factor,
    Factors,
    Limit,
    Rate,
    Settings,
    Share,
    Weight,
)
from plantnas.tasks import Data as Data
from plantnas.tasks import Distillation as Distillation
from plantnas.tasks import LabelLossName

Precision = Literal["auto", "float32", "bfloat16"]
StoppingRule = Literal["none", "median", "halving"]

# What was measured best for each start: docs/recipe.md. One of the user's own has those of `fresh`.
ROW_RATE = {"fresh": 0.1, "teacher": 0.3, "fitted": 0.3}
COLUMN_INIT = {"fresh": 0.0, "teacher": 1.0, "fitted": 0.0}
L2_SP = {"fresh": 0.0, "teacher": 0.1, "fitted": 0.0}
# The peak of the schedule is PEAK over the square root of the number of parameters, if not given.
PEAK, HIGHEST_PEAK = 3.5, 0.04
MOST_EPOCHS = 10**6
SCREEN_EPOCHS = 2

MAY_CHANGE = (
    *("search.steps", "memory_gigabytes"),
    *("data.root", "data.download", "data.memory_gigabytes", "data.on_error"),
)
"""The settings that may differ when a study goes on: they change no result that exists."""


def _by_start(defaults: dict[str, float], key: str) -> Callable[[dict[str, Any]], float]:
    """The default of a setting, by the initialisation that another key names."""
    return lambda given: defaults.get(given[key], defaults["fresh"])


def _screens(given: dict[str, Any]) -> int:
    """How many screens a step has, by default."""
    is_settled = given.get("ahead") and given.get("probes") and given.get("policy") == "greedy"
    return 1 if is_settled else 4


BESIDE_OTHER_TEACHER: dict[str, dict[str, Any]] = {
    "seed": {"start": "fresh"},
    "planting": {"rows": "fresh"},
    "search": {"probes": 0},
}
"""The defaults beside a teacher of another architecture, of which students can take nothing."""


def _has_other_teacher(space: object) -> bool:
    """Whether a search space that is not checked yet names an architecture for its teacher."""
    teacher = _said(space).get("teacher")
    return _said(teacher).get("architecture") is not None


def _said(section: object) -> dict[str, Any]:
    """The keys of a section that is not checked yet."""
    if isinstance(section, Settings):
        return section.model_dump(exclude_unset=True)
    return section if isinstance(section, dict) else {}


class Recipe(Settings):
    """How a network is trained."""

    epochs: Count = 12
    """Times that each training image is seen, every time in a random view."""
    batch_size: Count = 64
    """Images of an optimiser step."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) or SGD with Nesterov
    momentum (Sutskever et al. 2013)."""
    learning_rate: Rate | None = 0.01
    """Peak of the schedule: linear warm-up, then half a cosine to zero (Loshchilov and Hutter
    2017). `null`: as for the seed by default."""
    betas: tuple[Share, Share] = (0.9, 0.99)
    """Adam's moments; the first is SGD's momentum."""
    weight_decay: Weight = 0.0
    """Of the entries that are trained; earlier channels stay as they are."""
    warmup: Share = 0.25
    """Share of the optimiser's steps that warm up (Goyal et al. 2017)."""
    precision: Precision = "auto"
    """Of forward and backward passes (Micikevicius et al. 2018); `auto` is bfloat16 where the
    processor has matrix units for it, else float32. Networks are evaluated in float32."""

    @property
    def peak(self) -> float:
        """The peak of the schedule, of a recipe that has one or is `for_size`."""
        assert self.learning_rate is not None
        return self.learning_rate

    def for_size(self, parameters: int) -> Self:
        """The recipe for a network of so many parameters: its rate is given."""
        if self.learning_rate is not None:
            return self
        rate = min(HIGHEST_PEAK, PEAK / math.sqrt(parameters))
        return self.model_copy(update={"learning_rate": rate})


class TeacherRecipe(Recipe):
    """How the teacher is trained."""

    loss: LabelLossName | None = None
    """The loss by labels, of the teacher and of whatever learns by labels: `cross_entropy` of
    classes, `binary_cross_entropy` of several labels, `mse` or `l1` of numbers; the first of its
    task if not given."""
    epochs: int = Field(default=12, strict=True, ge=0, le=MOST_EPOCHS)
    """Times that each training image is seen, every time in a random view. 0: the teacher is kept
    as `search_space.teacher.weights` make it."""
    label_smoothing: Share = 0.0
    """Share of each label that is spread evenly over what else it could be, in the loss by classes
    or by several labels (Szegedy et al. 2016)."""
    class_weights: Factors | None = None
    """What each class, or the presence of each label, counts in that loss, in their order; all
    alike if not given."""
    learning_rate: Rate | None = 0.005
    """Peak of the schedule: linear warm-up, then half a cosine to zero (Loshchilov and Hutter
    2017). `null`: as for the seed by default."""


class SeedRecipe(Recipe):
    """How the seed is trained."""

    learning_rate: Rate | None = None
    """Peak of the schedule: linear warm-up, then half a cosine to zero (Loshchilov and Hutter
    2017). `null`: 3.5 over the square root of the network's parameters, at most 0.04."""
    start: str = "fitted"
    """What the seed starts from: the `teacher`'s first channels, these `fitted` layer by layer to
    what the teacher computes (He, Zhang and Sun 2017), or `fresh` weights. A teacher from which
    channels are taken has its channels ordered by the size of their weights (L1 over all layers
    that make and use a channel), largest first."""
    l2_sp: Weight = Field(default_factory=_by_start(L2_SP, "start"))
    """Pull of each entry towards where it started (Li, Grandvalet and Davoine 2018), decoupled as
    AdamW's weight decay: a step moves it by the learning rate times this of the way back, so that
    it stays of use to the wider networks that follow. 0 where `start` is not `teacher`."""


class Planting(Recipe):
    """How planted channels are trained, for a short screening or a long growing trial."""

    learning_rate: Rate | None = 0.02
    """Peak of the schedule, for new columns and the classifier; see `row_rate`. `null`: as for the
    seed by default."""
    screen_epochs: int | None = Field(default=None, strict=True, ge=0, le=MOST_EPOCHS)
    """Epochs of the trials that rank plantings. `null`: 2, or none where a step screens its best
    probe alone, which there is nothing to rank with."""
    epochs: Count = 12
    """Epochs of the first step's growing trial, whose network becomes a parent."""
    epochs_growth: Factor = Field(default=2, ge=1)
    """The growing trial of a step has this many times the epochs of the step before: what was
    planted before is frozen, so the last step's training is what a network ends with."""
    rows: str = "teacher"
    """What new channels start from: the `teacher`'s channels of the same places, these `fitted` to
    what the teacher computes (He, Zhang and Sun 2017), or `fresh` draws of the layer's own
    initialisation."""
    row_rate: Factor = Field(default_factory=_by_start(ROW_RATE, "rows"))
    """Multiplies the learning rate of new channels' own rows and BatchNorm entries. Fresh ones
    start several times smaller than trained rows have become, to which new columns are added: 0.1
    where `rows` is `fresh`."""
    l2_sp: Weight = Field(default_factory=_by_start(L2_SP, "rows"))
    """Pull of each planted entry towards where it started, as `seed.l2_sp`, in all steps but the
    last of the search. 0 where `rows` is not `teacher`."""
    batch_norm: Literal["batch", "running"] = "batch"
    """Statistics of the earlier channels from the first planted layer on: of the `batch`, so that
    they follow their new inputs, or the parent's `running` ones. Their affine stays frozen."""
    classifier: Literal["retrained", "planted"] = "retrained"
    """Train the whole classifier in each step, or its planted columns only."""
    column_init: Weight = Field(default_factory=_by_start(COLUMN_INIT, "rows"))
    """Scale of the new columns of earlier rows, times the layer's own fresh ones or the teacher's,
    as `rows` says. At 0 the child starts with its parent's function, as in Net2Net (Chen,
    Goodfellow and Shlens 2016), as it does where `rows` is not `teacher`."""

    @model_validator(mode="after")
    def _fitted_rows_leave_the_parents_function(self) -> "Planting":
        if self.rows == "fitted" and self.column_init:
            raise ValueError(f"column_init {self.column_init} must be 0 where rows is 'fitted'")
        return self

    def growing_epochs(self, step: int) -> int:
        """Epochs of a step's growing trial; the first step is 1."""
        return round(self.epochs * self.epochs_growth ** (step - 1))

    def for_step(self, step: int, steps: int) -> "Planting":
        """The settings of a step's growing trial, with its own epochs; no step follows the last."""
        l2_sp = self.l2_sp if step < steps else 0.0
        return self.model_copy(update={"epochs": self.growing_epochs(step), "l2_sp": l2_sp})


class Sampler(Settings):
    """An Optuna sampler by its class name, and its arguments."""

    name: str = "TPESampler"
    """A class of `optuna.samplers`, or `hub:samplers/NAME` of OptunaHub; TPE is of Bergstra et al.
    2011."""
    arguments: Arguments = Field(default={"multivariate": True, "n_startup_trials": 5})
    """Keyword arguments of the class; its seed is `random_seed` unless given."""


class Latency(Settings):
    """How latency is measured, where a study trades accuracy for it."""

    device: str = "cpu"
    """torch's name of the device, such as `cuda`; of a CPU one thread is used."""
    batch_size: Count = 1
    """Images that a network is given at a time."""
    backend: Literal["torch", "torch.export", "onnxruntime"] = "torch"
    """What runs the networks: the modules themselves, programs of torch.export, or onnxruntime."""


class Search(Settings):
    """Steps, trials, sampler and policy of a study."""

    steps: int = Field(default=3, strict=True, gt=0, le=1000)
    """Times that winners are grown and become parents. May be raised for a finished study."""
    probes: int = Field(default=64, strict=True, ge=0, le=10**6)
    """Plantings of a step that are ranked without training, by the loss of the teacher shrunk to
    their widths (He, Zhang and Sun 2017) on training images that it was not fitted to; the best of
    them are screened. 0: none, and all that is proposed is screened."""
    ahead: Weight = 1.0
    """While the seed or a planting is grown, the network of the next size is trained along, at the
    widths of the next step's best probe, and the next planting goes on from it: the weight of its
    loss (Yu et al. 2019 train nested networks so). 0, or `probes: 0`: nothing is trained ahead."""
    metric: str | None = None
    """What is maximised, as it is on validation: `accuracy`, `balanced_accuracy`, `f1` (the mean
    over classes or labels), `map` (mean average precision), `auroc`, `r2`, or `module:function` of
    yours: (outputs, targets) -> number. If not given: `accuracy` of classes, `map` of several
    labels, `r2` of numbers. All that a task has are recorded."""
    policy: str = "greedy"
    """`greedy`: the best planting of a step is the next parent (Mitsuno et al. 2020). `beam`: the
    best `beam_width` are. `pareto`: each trial draws its parent from the front."""
    beam_width: Count = 2
    """Parents of a step, for the policy `beam`."""
    trials_per_step: Count = Field(default_factory=_screens)
    """Screening trials of a step; plantings that are not trained do not count. 4 where nothing is
    trained `ahead` or the policy is not `greedy`: the network of the best probe, which is trained
    along, is so much better a start than others that their screens choose it."""
    winner: str = "hypervolume"
    """What is best. `hypervolume`: the largest gain in the area of accuracy against log
    parameters (Zitzler and Thiele 1998). `best_accuracy`: whatever the size.
    `gain_per_parameter`: accuracy over the parent for each parameter added."""
    early_stopping: StoppingRule = "none"
    """Ends poor screening trials by their validation loss, compared to finished ones of the step
    that cost no more. `median`: above their median (Golovin et al. 2017). `halving`: after 1, 2,
    4, ... epochs, not among the best half (Li et al. 2020)."""
    sampler: Sampler = Sampler()
    """Proposes plantings."""
    cost: str = "parameters"
    """What accuracy is traded for, the second objective of the trials; `module:function` of yours:
    (structure, widths) -> number."""
    latency: Latency = Latency()
    """How it is measured, where it is the cost."""
    minimum_growth: Factor = Field(default=2, ge=1)
    """A planting has at least this multiple of its parent's cost, or is not trained."""
    maximum_growth: Factor = Field(default=4.5, gt=1)
    """A planting has at most this multiple of its parent's cost, or is not trained."""
    maximum_cost: Limit | None = None
    """No planted network costs more than this, as `cost` counts."""
    maximum_parameters: Amount | None = None
    """No planted network has more parameters, whatever the cost."""

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

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)
    """Of the study in its database; in a file, the file's stem unless given."""
    search_space: SearchSpace
    """In a file also the name of a shipped search space, or a path relative to the file."""
    data: Data
    """What to learn."""
    teacher: TeacherRecipe = TeacherRecipe()
    """How the teacher is trained, by labels alone."""
    seed: SeedRecipe = SeedRecipe()
    """How the seed is trained, by distillation."""
    planting: Planting = Planting()
    """How planted channels are trained, by distillation."""
    distillation: Distillation = Distillation()
    """What distillation minimises."""
    search: Search = Search()
    """What is tried, how often, and what is kept."""
    random_seed: int = Field(default=0, strict=True, ge=0, lt=2**31)
    """Everything that is drawn in the study derives from it."""
    memory_gigabytes: Factor = 2.0
    """Limit of the cached features of the frozen prefix, of all workers of a machine together; what
    is sampled of a teacher that channels are fitted to takes at most half as much; views of
    `data.augment`, and the teacher's logits on them, as much each, or they are not kept."""

    @model_validator(mode="before")
    @classmethod
    def _what_a_teachers_architecture_leaves_has_its_defaults(cls, tree: Any) -> Any:
        if not isinstance(tree, dict) or not _has_other_teacher(tree.get("search_space")):
            return tree
        return tree | {
            section: defaults | _said(tree[section]) if section in tree else defaults
            for section, defaults in BESIDE_OTHER_TEACHER.items()
        }

    @model_validator(mode="after")
    def _nothing_is_taken_from_a_teacher_of_another_architecture(self) -> "StudyConfig":
        if not self.search_space.has_other_teacher:
            return self
        for key, start in (("seed.start", self.seed.start), ("planting.rows", self.planting.rows)):
            if start in ("teacher", "fitted"):
                raise ValueError(
                    f"{key} {start!r}: no channel of a teacher of another architecture "
                    f"(search_space.teacher.architecture {self.search_space.teacher.architecture}) "
                    "is a student's: must be 'fresh'"
                )
        if self.search.probes:
            raise ValueError(
                f"search.probes {self.search.probes}: a teacher of another architecture "
                f"(search_space.teacher.architecture {self.search_space.teacher.architecture}) has "
                "no channels to be shrunk to students' widths: must be 0"
            )
        return self

    @model_validator(mode="after")
    def _a_teacher_that_is_kept_was_trained(self) -> "StudyConfig":
        if self.teacher.epochs == 0 and self.search_space.teacher.weights is None:
            raise ValueError(
                "teacher.epochs 0 keeps the teacher as it is: search_space.teacher.weights must "
                "say what that is"
            )
        return self

    @model_validator(mode="after")
    def _the_last_steps_training_ends(self) -> "StudyConfig":
        growth, powers = self.planting.epochs_growth, self.search.steps - 1
        if math.log(self.planting.epochs) + powers * math.log(growth) > math.log(MOST_EPOCHS):
            raise ValueError(f"planting.epochs_growth {growth}: more than {MOST_EPOCHS} epochs")
        return self

    @property
    def looks_ahead(self) -> bool:
        """Whether the network of the next size is trained along, if its widths are known."""
        return self.search.ahead > 0 and self.search.probes > 0

    @property
    def screen_epochs(self) -> int:
        """Epochs of a screening trial."""
        if self.planting.screen_epochs is not None:
            return self.planting.screen_epochs
        return 0 if self.search.probes and self.search.trials_per_step == 1 else SCREEN_EPOCHS

    @property
    def teacher_gives_channels(self) -> bool:
        """Whether the seed or new channels start from the teacher's, or may: who knows."""
        is_own = not self.search_space.has_other_teacher
        return is_own and {self.seed.start, self.planting.rows} != {"fresh"}

    @property
    def fits_channels(self) -> bool:
        """Whether the seed or new channels are fitted to the teacher's outputs, or may be."""
        named = {self.seed.start, self.planting.rows}
        return self.teacher_gives_channels and not named <= {"fresh", "teacher"}

    def identity(self) -> dict[str, Any]:
        """What makes it this study and no other, by dotted keys.

        The number of steps and the memory limit change no result that exists, so they may differ
        when a study is resumed; the place of the data may, as the data's own hash is compared.
        """
        identity = flat(self.model_dump(mode="json"))
        return {key: value for key, value in identity.items() if key not in MAY_CHANGE}

    def hash(self) -> str:
        """SHA-256 of the identity, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()
