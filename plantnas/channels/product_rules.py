"""What products of activations do to channels: matrix products, Einstein sums, attention.

A sum over channels changes with every new one. Channels that it runs over are frozen; those of the
other dimensions are followed. Products entry by entry are in value_rules.py, layers with weights in
layer_rules.py; which rule is for which operator is in rules.py.
"""

from torch import Tensor

from plantnas.channels.calls import Call
from plantnas.channels.layouts import unify
from plantnas.channels.tracing import Tracer, Unfollowed


def matrix_product(tracer: Tracer, call: Call) -> None:
    """Products of (batches of) matrices: ... x rows x inner times ... x inner x columns."""
    left, right = call.input, call.argument(1, "other")
    if call.name.endswith("__rmatmul__"):
        left, right = right, left
    if min(left.ndim, right.ndim) < 2 and (tracer.place(left) or tracer.place(right)):
        raise Unfollowed(f"{call.name} with a vector")
    batch = "".join(chr(ord("a") + i) for i in range(call.result.ndim - 2))
    terms = [
        (batch[len(batch) - left.ndim + 2 :] + "xy", left),
        (batch[len(batch) - right.ndim + 2 :] + "yz", right),
    ]
    _product(tracer, call, terms, batch + "xz")


def einstein_sum(tracer: Tracer, call: Call) -> None:
    """Einstein sums whose dimensions all have letters."""
    equation = call.argument(0, "equation")
    if not isinstance(equation, str) or "..." in equation or "->" not in equation:
        raise Unfollowed(f"{call.name} as it is written")
    inputs, output = equation.replace(" ", "").split("->")
    _product(tracer, call, list(zip(inputs.split(","), call.tensors, strict=True)), output)


def attention(tracer: Tracer, call: Call) -> None:
    """Scaled products of queries and keys weigh the values, whose channels stay apart."""
    query, key, value = (call.argument(i, each) for i, each in enumerate(("query", "key", "value")))
    for tensor in (query, key):
        tracer.freeze(tensor, f"its channels reach {call.name}, which sums over them")
    if place := tracer.place(value):
        if place.dimension != value.ndim - 1:
            raise Unfollowed(f"{call.name} along another dimension")
        tracer.put(call.result, call.result.ndim - 1, place.layout)


def _product(tracer: Tracer, call: Call, terms: list[tuple[str, Tensor]], surviving: str) -> None:
    """A sum of products over the letters that do not survive, one letter a dimension."""
    places = [(term, place) for term, tensor in terms if (place := tracer.place(tensor))]
    letters = {term[place.dimension] for term, place in places}
    if not letters:
        return
    letter = letters.pop()
    if letters or letter not in surviving or any(term.count(letter) > 1 for term, _ in terms):
        raise Unfollowed(f"{call.name} over channels")
    layout, size = places[0][1].layout, call.result.shape[surviving.index(letter)]
    for term, tensor in terms:
        place = tracer.place(tensor)
        if letter not in term or (place is None and tensor.shape[term.index(letter)] == 1):
            continue  # it is broadcast
        if place is None or tensor.shape[term.index(letter)] != size:
            raise Unfollowed(f"{call.name} with a tensor that could not be followed")
        unify(layout, place.layout)
    tracer.put(call.result, surviving.index(letter), layout)
