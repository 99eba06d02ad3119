"""Follow channels through one run of a model. What each operator does to them is in rules.py.

A `Tracer` sees every torch function that the model calls, in the spirit of symbolic execution: each
activation carries the layout of its one channel dimension.
"""

import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from plantnas.channels.calls import Call
from plantnas.channels.containers import tensors_in
from plantnas.channels.layouts import Channels, Layout, Piece, freeze, resolve, unify
from plantnas.channels.liveness import Liveness
from plantnas.channels.locating import location, names_of_modules
from plantnas.channels.on_meta import STAND_INS, broadcasts
from plantnas.channels.outsiders import Outsiders
from plantnas.channels.resizing import named_tensors
from plantnas.channels.structure import Role, WeightUse
from plantnas.channels.unfollowed import reason_of
from plantnas.errors import UnsupportedArchitecture
from plantnas.grouping import grouped
from plantnas.modules import names_within


class Place(NamedTuple):
    """The channel dimension of an activation, and which channels it holds."""

    dimension: int
    layout: Layout


class Unfollowed(Exception):
    """Channels reach something that no rule describes; the text says what."""


Rule = Callable[["Tracer", Call], None]


class Given(NamedTuple):
    """A call, as far as it is to be the same at other widths.

    Attributes:
        function: What was called.
        numbers: The numbers and words that it was given, but for the sizes among them.
        sizes: All of them.
        shapes: Of each result with channels their dimension, and the sizes of all others.
    """

    function: Any
    numbers: str
    sizes: str
    shapes: list[tuple[int, tuple[int, ...]]]

    def is_alike(self, other: "Given") -> bool:
        """Whether another call differs in no more than the sizes of channels.

        Numbers are sizes only where a rule knows what the result's channels are.
        """
        if self.numbers != other.numbers:
            return False
        if not self.shapes and not other.shapes:
            return self.sizes == other.sizes
        if [each for each, _ in self.shapes] != [each for each, _ in other.shapes]:
            return True  # with one channel, dimensions may be taken for one another
        return self.shapes == other.shapes


class Tracer(TorchFunctionMode):
    """Records the layouts of a model's tensors while the model runs under it.

    One tracer may watch several runs of the same model (evaluation and training mode).

    Attributes:
        nodes: All channels that were made.
        axes: (tensor name, dimension) to the layout and role of that dimension.
        weight_uses: Uses of weights; the caller clears it between runs.
        liveness: When activations are needed; the caller takes another one between runs.
        batch: Images in the batch that runs.
        modules: Names of the model's modules by their ids.
        losses: Where activations of unknown channels came from, in words.
        calls: What was called, in order.
        arithmetic: Where the first call is that differs from what was expected, in words.
    """

    def __init__(
        self,
        model: nn.Module,
        rules: Mapping[Any, Rule],
        batch: int,
        expected: Sequence[Given | None] = (),
    ) -> None:
        super().__init__()
        self.calls: list[Given] = []
        self.arithmetic: str | None = None
        self._expected = expected
        self.rules = rules
        self.batch = batch
        self.names = grouped((id(tensor), name) for name, tensor in named_tensors(model).items())
        self.modules = names_of_modules(model)
        self._bare_names = names_within(model)
        self._outsiders = Outsiders(model)
        self._left: list[Layout] = []
        self.nodes: list[Channels] = []
        self.axes: dict[tuple[str, int], tuple[Layout, Role]] = {}
        self.weight_uses: list[WeightUse] = []
        self.liveness = Liveness()
        self.losses: list[str] = []
        self._doubts: list[tuple[Layout, str]] = []
        self._fixed: list[tuple[str, Layout]] = []
        self._failed: list[Tensor] = []
        self._places: dict[int, tuple[Tensor, Place]] = {}
        self._activations: dict[int, Tensor] = {}
        self._misused: dict[str, str] = {}
        self._used: set[int] = set()

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the function, then apply its rule."""
        try:
            result = STAND_INS.get(function, function)(*args, **(kwargs or {}))
        except Exception:
            self._failed = tensors_in((args, kwargs))
            raise
        name = getattr(function, "__name__", "")
        if name not in METADATA and (name != "__get__" or tensors_in(result)):
            self._follow(Call(function, args, kwargs or {}, result))
        return result

    def _follow(self, call: Call) -> None:
        self._used.clear()
        if any(id(tensor) in self._activations for tensor in call.tensors):
            # What is computed from the images must not decide what the model does.
            if getattr(call.function, "__name__", "") in VALUE_READS:
                raise UnsupportedArchitecture(
                    f"the model's code depends on the values of its activations: {call.name} "
                    f"{self._location()}, so one run does not show what the others do."
                )
            self._activations.update({id(tensor): tensor for tensor in tensors_in(call.result)})
        try:
            if call.function not in self.rules:
                reason = reason_of(call.name)
                raise Unfollowed(f"{call.name}, {reason}," if reason else call.name)
            self.rules[call.function](self, call)
            self._check_sizes(call)
        except Unfollowed as unfollowed:
            self._lose(call, str(unfollowed))
        results = [each for each in tensors_in(call.result) if id(each) in self._activations]
        self.liveness.note(call.tensors, results)
        contents = self._outsiders.contents_in(call)
        for layout in self._left if contents else ():
            made = f"{call.name} uses what may be made of them {self._location()}".rstrip()
            freeze(layout, f"its values leave torch, and {made}")
        self._compare(call, [*self._outsiders.names_in(call), *contents])
        self._doubt(call)
        for tensor in call.tensors:
            if id(tensor) in self.names and id(tensor) not in self._used:
                reason = f"its weights reach {call.name} {self._location()}"
                self._misused.setdefault(self.names[id(tensor)][0], reason)

    def _compare(self, call: Call, told: list[str]) -> None:
        """Keeps a call, and in mind if it is another one than was expected.

        Args:
            call: With its result.
            told: The names of the model's tensors, and what those from outside torch hold.
        """
        shapes = []
        for tensor in tensors_in(call.result):
            if id(tensor) in self._places:
                dimension = self._places[id(tensor)][1].dimension
                shape = tuple(tensor.shape)
                shapes.append((dimension, shape[:dimension] + shape[dimension + 1 :]))
        numbers = " ".join((call.numbers_beside_sizes, *told))
        given = Given(call.function, numbers, " ".join((call.numbers, *told)), shapes)
        self.calls.append(given)
        if not self._expected or self.arithmetic:
            return
        is_beyond = len(self.calls) > len(self._expected)
        expected = self._expected[-1 if is_beyond else len(self.calls) - 1]
        if expected is None:  # another one each time
            return
        if is_beyond or expected.function != call.function:
            self.arithmetic = f"the code decides by its width before {call.name} {self._location()}"
        elif not expected.is_alike(given):
            self.arithmetic = f"the code computes with its width: {call.name} {self._location()}"

    def _doubt(self, call: Call) -> None:
        """Keeps in mind the one channel of a result that wider inputs could share, or have each."""
        place = self.place(call.result) if isinstance(call.result, Tensor) else None
        if place is None or call.result.shape[place.dimension] != 1:
            return
        position = place.dimension - call.result.ndim
        sharing = [each for each in call.tensors if self.place(each) or self.is_registered(each)]
        if len(sharing) > 1 and broadcasts(call.function, call.args, call.kwargs, position):
            reason = (
                f"it has one channel, so that {call.name} {self._location()} does not show what "
                "would grow with it; begin with two"
            )
            self._doubts.append((place.layout, reason))

    def _check_sizes(self, call: Call) -> None:
        """A rule that does not fit how it was called must not tie what does not belong together."""
        for tensor in tensors_in(call.result):
            if id(tensor) in self._places:
                dimension, layout = self._places[id(tensor)][1]
                size = sum(piece.size for piece in layout)
                if not 0 <= dimension < tensor.ndim or tensor.shape[dimension] != size:
                    raise Unfollowed(f"{call.name} as it is called")

    def _lose(self, call: Call, reason: str) -> None:
        """Freeze all channels of a call; a result of the same shape has them all the same."""
        places = {tensor.shape: place for tensor in call.tensors if (place := self.place(tensor))}
        if places:
            reason = f"{reason} {self._location()}".rstrip()
            self.losses.append(reason)
        for tensor in call.tensors:
            self.freeze(tensor, f"its channels reach {reason}")
        for tensor in tensors_in(call.result):
            self._places.pop(id(tensor), None)
            if tensor.shape in places:
                self.put(tensor, *places[tensor.shape])

    def _location(self) -> str:
        return location(traceback.walk_stack(sys._getframe()), self.modules)

    def forget_values(self, tensor: Tensor) -> None:
        """Say that a tensor's values do not depend on the images."""
        self._activations.pop(id(tensor), None)

    def place(self, tensor: Tensor) -> Place | None:
        """Where the channels of an activation are; None if it is not followed."""
        if id(tensor) not in self._places:
            return None
        dimension, layout = self._places[id(tensor)][1]
        return Place(dimension, resolve(layout))

    def leave(self, tensor: Tensor) -> None:
        """Say that code outside torch gets the values of an activation, and may give some back."""
        if place := self.place(tensor):
            self._left.append(place.layout)

    def put(self, tensor: Tensor, dimension: int, layout: Layout) -> None:
        """Say which channels an activation holds. It is kept alive, so that its id stays its."""
        self._outsiders.know(tensor)
        self._places[id(tensor)] = (tensor, Place(dimension, layout))
        self._activations[id(tensor)] = tensor

    def freeze(self, tensor: Tensor, reason: str) -> None:
        """Freeze the channels of an activation, if it has any."""
        if place := self.place(tensor):
            freeze(place.layout, reason)

    def mix(self, layout: Layout, call: Call) -> None:
        """Say that in a call old channels change with new ones, though crops stay exact."""
        reason = f"its channels reach {call.name}, which mixes all channels, {self._location()}"
        for channels, _ in resolve(layout):
            channels.mix(reason.rstrip())

    def new_channels(self, width: int, origin: str, unfollowed: bool = False) -> Layout:
        """A layout of channels that nothing has constrained yet."""
        self.nodes.append(Channels(width, origin, (len(self.nodes),), unfollowed))
        return (Piece(self.nodes[-1], 1),)

    def layout_at(self, tensor: Tensor, dimension: int, origin: str) -> Layout:
        """The layout of a layer's input along one dimension; frozen channels if it has none."""
        place = self.place(tensor)
        if place and place.dimension == dimension:
            return place.layout
        self.freeze(tensor, f"{origin} works along another dimension")
        layout = self.new_channels(tensor.shape[dimension], f"{origin}.input", unfollowed=True)
        freeze(layout, f"the input of {origin} could not be followed")
        return layout

    def is_registered(self, tensor: Tensor) -> bool:
        """Whether the tensor is a parameter or buffer of the model."""
        return id(tensor) in self.names

    def owner(self, tensor: Tensor) -> str:
        """Name of the module that holds a parameter, or of the parameter if that is the model.

        It is as if nothing in the model wrapped another module.
        """
        name = self.names[id(tensor)][0]
        module, _, _ = name.rpartition(".")
        return self._bare_names[module] or name

    def size_axis(self, tensor: Tensor, dimension: int, layout: Layout, role: Role) -> None:
        """Record that a layout sizes a dimension of a parameter or buffer."""
        self._used.add(id(tensor))
        for name in self.names[id(tensor)]:
            known, known_role = self.axes.setdefault((name, dimension), (layout, role))
            unify(known, layout)
            if {known_role, role} == {"rows", "entries"} and tensor.ndim == 1:
                self.axes[name, dimension] = (layout, "rows")  # a bias that the code uses, too
            elif known_role != role:
                freeze(layout, f"{name} is used in two ways")

    def use_weight(self, weight: Tensor, positions: int) -> None:
        """Record one run of a layer: each weight entry takes `positions` MACs for the batch."""
        self.weight_uses.append(WeightUse(self.names[id(weight)][0], positions // self.batch))

    def failed_axes(self) -> set[tuple[str, int]]:
        """The (tensor name, dimension) of all activations' channels in a call that failed."""
        places = [place for tensor in self._failed if (place := self.place(tensor))]
        return self._axes_of([place.layout for place in places])

    def failed_tensors(self) -> set[str]:
        """The names of all parameters and buffers in a call that raised an error."""
        return {name for tensor in self._failed for name in self.names.get(id(tensor), ())}

    def fixed_axes(self) -> dict[str, set[tuple[str, int]]]:
        """The axes of channels whose number may be written into the code, by line of code."""
        return {line: self._axes_of(layouts) for line, layouts in grouped(self._fixed).items()}

    def suspect_fixed(self, layout: Layout) -> None:
        """Say that the running line names a number of these channels, fixed or computed."""
        line = self._location().rpartition("(")[2]
        self._fixed.append((line, layout))

    def _axes_of(self, layouts: list[Layout]) -> set[tuple[str, int]]:
        roots = {root for layout in layouts for root, _ in resolve(layout)}
        return {
            key
            for key, (layout, _) in self.axes.items()
            if roots.issuperset(root for root, _ in resolve(layout))
        }

    def finish(self) -> None:
        """Freeze the channels of parameters that were also used in a way that no rule describes.

        And single channels that would grow otherwise, where what must grow with them is in doubt.
        """
        for (name, _), (layout, _) in self.axes.items():
            if name in self._misused:
                freeze(layout, self._misused[name])
        for layout, reason in self._doubts:
            freeze(layout, reason)
        missing = self._expected[len(self.calls) :]
        if missing and missing[-1] is not None and not self.arithmetic:
            self.arithmetic = "the code decides by its width"


METADATA = {
    "__hash__", "__len__", "data_ptr", "dim", "dim_order", "element_size", "get_device",
    "is_complex", "is_conj", "is_contiguous", "is_distributed", "is_floating_point",
    "is_inference", "is_neg", "is_pinned", "is_same_size", "is_set_to", "is_shared", "is_signed",
    "ndimension", "nelement", "numel", "requires_grad_", "size", "storage_offset", "stride",
}  # fmt: skip
"""Functions that tell something of a tensor, but not its values."""

VALUE_READS = {
    "__bool__", "__complex__", "__contains__", "__float__", "__index__", "__int__", "__long__",
    "__nonzero__", "allclose", "equal", "is_nonzero", "item", "tolist",
}  # fmt: skip
"""Functions that make a number of a tensor."""
