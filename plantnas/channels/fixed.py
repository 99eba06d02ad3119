"""Which widths a model's own code allows, found by running it at others than its own.

Sizes may be written into the code, numbers of channels may be computed with, and what runs with
several channels need not run with one. What one run shows is in traces.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from torch import Tensor, nn

from plantnas.channels.resizing import resized
from plantnas.channels.structure import Structure
from plantnas.channels.traces import Trace, failure, traced, tracer_of
from plantnas.channels.tracing import Given
from plantnas.errors import UnsupportedArchitecture


class Look(NamedTuple):
    """How a model is at other widths.

    Attributes:
        fault: Why it cannot run, or cannot be the same architecture; None if all is well.
        suspects: The groups that the fault, or tables that differ, hint at.
        arithmetic: Where its code computed another number; None if it did not.
    """

    fault: str | None
    suspects: set[str]
    arithmetic: str | None


STEPS = 17
"""How many unlike steps there are, in granules."""
OTHERWISE_JOINED = "the outputs get another shape, or the code joins other channels"


@dataclass(frozen=True)
class Attempts:
    """Runs of a model at other widths; none is made twice.

    Attributes:
        model: At its own widths.
        images: What it is run on.
        trace: How it ran with its own.
    """

    model: nn.Module
    images: Tensor
    trace: Trace
    _looks: dict[frozenset[tuple[str, int]], Look] = field(default_factory=dict, repr=False)

    @property
    def more(self) -> dict[str, int]:
        """Larger widths of all groups, by unlike steps, so that what is alike now no longer is."""
        groups = enumerate(self.trace.structure.growable.items())
        return {
            name: each.width + each.granularity * (1 + number % STEPS)
            for number, (name, each) in groups
        }

    def at(self, widths: Mapping[str, int]) -> Look:
        """The model where these groups have other widths."""
        key = frozenset(widths.items())
        if key not in self._looks:
            self._looks[key] = self._at({**self.trace.structure.widths, **widths})
        return self._looks[key]

    def without_noise(self) -> "Attempts":
        """The same, in which calls of other numbers each time, such as a clock's, are not compared.

        They say nothing of widths. Where other functions are called, nothing that follows is.
        """
        calls = self.trace.calls
        run = resized(self.model, self.trace.structure, self.trace.structure.widths)
        tracer = tracer_of(run)
        traced(tracer, run, self.images)
        kept = list[Given | None]()
        for one, other in zip(calls, tracer.calls, strict=False):
            if one is not None and one.function != other.function:
                break
            kept.append(one if one is not None and one.is_alike(other) else None)
        if len(kept) < max(len(calls), len(tracer.calls)):
            kept.append(None)  # and whatever follows
        return Attempts(self.model, self.images, self.trace._replace(calls=kept))

    def _at(self, widths: Mapping[str, int]) -> Look:
        structure = self.trace.structure
        child = resized(self.model, structure, widths)
        tracer = tracer_of(child, self.trace.calls)
        try:
            found = traced(tracer, child, self.images)
        except UnsupportedArchitecture as error:
            suspects, failed = tracer.failed_axes(), tracer.failed_tensors()
            suspects |= {
                (axis.tensor, axis.dimension)
                for axis in structure.axes
                if axis.tensor in failed and axis.role != "rows"
            }
            groups = groups_at(structure, suspects)
            return Look(failure(error.__cause__, tracer.modules), groups, tracer.arithmetic)
        fault = None if found.shapes == self.trace.shapes else OTHERWISE_JOINED
        return Look(fault, _misread(structure, found.structure, widths), tracer.arithmetic)


def settled(model: nn.Module, images: Tensor, trace: Trace) -> Structure:
    """The structure of a model, without the widths that its own code does not allow.

    Args:
        model: At its own widths; left untouched.
        images: As the first run had them.
        trace: What that showed.
    """
    attempts, structure = Attempts(model, images, trace), trace.structure
    fixed = _that_cannot_grow(attempts)
    reasons = {name: f"the model cannot run with more of it: {fixed[name]}" for name in fixed}
    structure = _with_minima(_frozen(structure, reasons), attempts)
    return _frozen(structure, _computed_with(structure, attempts))


def _frozen(structure: Structure, reasons: Mapping[str, str]) -> Structure:
    groups = {
        name: replace(group, frozen=reasons[name]) if name in reasons else group
        for name, group in structure.groups.items()
    }
    return replace(structure, groups=groups)


def _that_cannot_grow(attempts: Attempts) -> dict[str, str]:
    """Why groups cannot, by their names: with more of them, nothing but widths may be different.

    Where a line of code fixes one group's width, the others that it may fix are frozen with it.
    """
    structure, more = attempts.trace.structure, attempts.more
    lines = {line: groups_at(structure, axes) for line, axes in attempts.trace.fixed_axes.items()}

    def fault_of(names: Sequence[str]) -> str | None:
        look = attempts.at({name: more[name] for name in names})
        return look.fault or (OTHERWISE_JOINED if look.suspects else None)

    names, reasons = list(more), dict[str, str]()
    while (fault := fault_of(names)) is not None:
        suspects = attempts.at({name: more[name] for name in names}).suspects.intersection(names)
        fixed = {
            name
            for line, groups in lines.items()
            if (line and fault.endswith(line)) or groups & suspects
            for name in groups
        }
        found = (suspects | fixed).intersection(names)
        if not found:
            reasons.update(_by_bisection(names, fault_of))
            break
        reasons.update(dict.fromkeys(found, fault))
        names = [name for name in names if name not in found]
    return reasons


def _with_minima(structure: Structure, attempts: Attempts) -> Structure:
    """With a minimum of two granules for the groups of which the model cannot run with one."""
    groups = structure.growable
    least = {name: each.least for name, each in groups.items() if each.least < each.width}
    failing = _by_bisection(
        list(least), lambda names: attempts.at({name: least[name] for name in names}).fault
    )
    raised = {
        name: replace(groups[name], minimum=min(2 * groups[name].granularity, groups[name].width))
        for name in failing
    }
    return replace(structure, groups={**structure.groups, **raised})


def _computed_with(structure: Structure, attempts: Attempts) -> dict[str, str]:
    """Why groups must keep their width, whose number of channels gets into what is computed."""
    groups, reasons = structure.growable, dict[str, str]()
    more = {name: attempts.more[name] for name in groups}
    less = {name: each.least for name, each in groups.items() if each.least < each.width}

    def arithmetic_at(widths: Mapping[str, int]) -> Callable[[Sequence[str]], str | None]:
        return lambda names: attempts.at({name: widths[name] for name in names}).arithmetic

    for widths in (more, less):
        names = [name for name in widths if name not in reasons]
        reasons.update(_by_bisection(names, arithmetic_at(widths)))
    if reasons and attempts.at({}).arithmetic:
        return _computed_with(structure, attempts.without_noise())
    return reasons


def _misread(structure: Structure, found: Structure, widths: Mapping[str, int]) -> set[str]:
    """The groups of all dimensions that the tables of the model at these widths tell otherwise."""
    wrong = {name for name, group in found.groups.items() if group.width != widths.get(name)}
    differing = set(structure.axes) ^ set(found.axes)  # it has, but should not, or lacks
    differing |= {
        axis for axis in structure.axes if any(each in wrong for each, _ in axis.segments)
    }
    return groups_at(structure, {(axis.tensor, axis.dimension) for axis in differing})


def groups_at(structure: Structure, places: set[tuple[str, int]]) -> set[str]:
    """The groups that size these dimensions of tensors."""
    return {
        segment.group
        for axis in structure.axes
        if (axis.tensor, axis.dimension) in places
        for segment in axis.segments
    }


def _by_bisection(
    names: Sequence[str], reason_of: Callable[[Sequence[str]], str | None]
) -> dict[str, str]:
    """Which names there is a reason against, each with it; all where only several together have."""
    reason = reason_of(names) if names else None
    if reason is None:
        return {}
    if len(names) == 1:
        return {names[0]: reason}
    half = len(names) // 2
    found = _by_bisection(names[:half], reason_of) | _by_bisection(names[half:], reason_of)
    return found or dict.fromkeys(names, reason)
