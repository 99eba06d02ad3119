"""Frozen models of a search space: an architecture, how wide its networks are, and what may grow.

The rest of a study's settings are in config.py; what an architecture's name stands for is in
networks/.
"""

from typing import Literal

from pydantic import Field, model_validator

from plantnas.settings import Arguments, Count, Factor, Settings

Wiring = Literal["dense", "triangular"]

DEFAULT = "DEFAULT"
"""Stands for the best weights that torchvision or timm has of an architecture."""

HUB = "hf-hub:"
"""What the name of weights on Hugging Face's hub begins with."""


class Width(Settings):
    """How wide a network of the search space is."""

    width: Factor = 1.0
    """Fraction of the architecture's own widths."""
    minimum: Count = 1
    """No channel group gets fewer channels than this, unless the architecture's own are fewer."""


class Teacher(Width):
    """How wide the teacher is, and what its training starts from."""

    architecture: str | None = None
    """Of a teacher that is no wide student: any network with the same outputs, named as the study's
    own. Its channels correspond to no student's: these start `fresh`, nothing is probed, and the
    study's architecture has the widths that nothing outgrows. If not given: the study's own."""
    arguments: Arguments = Field(default={})
    """More keyword arguments of that architecture's constructor."""
    weights: str | None = None
    """What the teacher is fine-tuned from: `DEFAULT` for the pretrained weights of torchvision or
    timm, `hf-hub:OWNER/NAME` for others of timm's architectures, `efficientnet-lite0` for those of
    a Python package, `module:function` for what a function of yours returns, or the path of a
    checkpoint. A classifier of another shape starts afresh."""

    @model_validator(mode="after")
    def _weights_have_the_architectures_widths(self) -> "Teacher":
        if self.weights is not None and self.width != 1:
            raise ValueError(f"width {self.width} must be 1 where weights are given")
        return self

    @model_validator(mode="after")
    def _another_architecture_has_its_own_widths(self) -> "Teacher":
        if self.architecture is None and self.arguments:
            raise ValueError("arguments are of an architecture of its own, which is not given")
        if self.architecture is not None and self.width != 1:
            raise ValueError(f"width {self.width} must be 1 where architecture is given")
        return self


class Growth(Settings):
    """Which channel groups may grow in a step, and by how much."""

    groups: tuple[str, ...] = ("*",)
    """Shell patterns of group names."""
    up_to: Factor = 2.0
    """A step adds at most this multiple of a group's width. No group outgrows the teacher's."""
    proposal: Literal["counts", "shares"] = "counts"
    """`counts`: one integer a group, the number of new channels. `shares`: each group's share of
    the growth and its total; the planting is scaled to them, which suits tens of groups."""


class SearchSpace(Settings):
    """An architecture, the widths of its seed and teacher, and what may grow."""

    architecture: str
    """A family of plantnas, `torchvision/NAME`, `timm/NAME`, or `module:function`."""
    arguments: Arguments = Field(default={})
    """More keyword arguments of the architecture's constructor."""
    teacher: Teacher = Teacher()
    """The network that is distilled from; no network of the study is wider."""
    seed: Width = Width(width=0.125)
    """The network that is planted first."""
    grow: Growth = Growth()
    """Which channel groups may grow."""
    wiring: Wiring = "dense"
    """Whether old channels see new ones. `dense`: they have new columns, which are trained.
    `triangular`: they have none, so that every network is a part of the next, activation for
    activation, and trials cost less; what old channels do not see is no parameter."""

    @model_validator(mode="after")
    def _pretrained_weights_are_of_a_library(self) -> "SearchSpace":
        weights, beginnings = self.teacher.weights or "", tuple[str, ...]()
        architecture = self.of_teacher.architecture
        if weights.startswith(HUB):
            whose, beginnings = "timm's", ("timm/",)
        elif weights == DEFAULT:
            whose, beginnings = "torchvision's and timm's", ("torchvision/", "timm/")
        else:
            return self
        if not architecture.startswith(beginnings):
            raise ValueError(
                f"teacher.weights {weights} is for {whose} architectures, not for "
                f"{architecture!r}; give the path of a checkpoint"
            )
        return self

    @property
    def has_other_teacher(self) -> bool:
        """Whether the teacher is of another architecture, with channels that are no student's."""
        return self.teacher.architecture is not None

    @property
    def of_teacher(self) -> "SearchSpace":
        """The search space with the teacher's architecture for its own."""
        teacher = self.teacher
        if teacher.architecture is None:
            return self
        return SearchSpace(
            architecture=teacher.architecture,
            arguments=teacher.arguments,
            teacher=Teacher(weights=teacher.weights),
        )
