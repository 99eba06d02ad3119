"""Cuts a network before its first planted layer.

Everything that no planted entry reaches is the *prefix*: it is frozen, runs in eval mode, and its
outputs, the *boundary* features, are computed once for a parent and view instead of once an epoch
(features.py). The rest, the *suffix*, shares its modules with the network: to train it is to train
the network.
"""

from collections.abc import Set
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from plantnas.channels.containers import logits_in
from plantnas.channels.resizing import named_tensors


@dataclass(frozen=True)
class Cut:
    """A network in two parts: network(x) equals suffix(*prefix(x)) in eval mode.

    Attributes:
        prefix: From images to the tuple of boundary features; None if it is empty.
        suffix: From the boundary features (or the images) to logits.
        boundary: Names of the values that cross, the same for every child of a parent.
    """

    prefix: nn.Module | None
    suffix: nn.Module
    boundary: tuple[str, ...]


def cut_before(network: nn.Module, planted: Set[str], example: Tensor) -> Cut:
    """Cuts a network before the first module that owns one of the `planted` tensors.

    A network that torch.fx cannot trace, or whose parts do not compute what it computes, is left
    whole: nothing is cached then, and training is slower but the same.

    Args:
        network: Any module from images to logits.
        planted: Names of state_dict entries.
        example: A batch of images to check the parts on.
    """
    whole = Cut(None, network, ())
    try:
        traced = fx.symbolic_trace(network)
    except Exception:  # whatever a network's own code raises when it meets a proxy
        return whole
    if any("training" in node.kwargs for node in traced.graph.nodes):
        return whole  # a functional dropout, whose mode the trace has made a constant
    inner = _reached(traced.graph, planted)
    boundary = [
        node
        for node in traced.graph.nodes
        if node not in inner and node.op != "get_attr" and any(user in inner for user in node.users)
    ]
    if any(node.op == "placeholder" for node in boundary):
        return whole
    outer = set(traced.graph.nodes) - inner
    constants = {node for node in outer if node.op == "get_attr" and inner & node.users.keys()}
    before, copies = _copied(traced.graph, outer, [])
    before.output(tuple(copies[node] for node in boundary))
    behind, _ = _copied(traced.graph, inner | constants, boundary)
    prefix, suffix = fx.GraphModule(network, before), fx.GraphModule(network, behind)
    cut = Cut(prefix, suffix, tuple(node.name for node in boundary))
    if not _same_function(network, cut, example):
        return whole
    prefix.eval()
    return cut


def names_behind(network: nn.Module, planted: Set[str]) -> set[str]:
    """The parameters and buffers of the layers that `cut_before` would leave in the suffix.

    Args:
        network: Any module from images to logits.
        planted: Names of state_dict entries.
    """
    names = set(named_tensors(network))
    try:
        traced = fx.symbolic_trace(network)
    except Exception:  # as in `cut_before`
        return names
    targets = {node.target for node in _reached(traced.graph, planted)}
    return {name for name in names if name in targets or name.rpartition(".")[0] in targets}


class BehindPrefix(nn.Module):
    """The whole network again, with the prefix frozen and in eval mode whatever `train` says."""

    def __init__(self, cut: Cut) -> None:
        """Joins the parts of a cut that has a prefix."""
        super().__init__()
        self._prefix = (cut.prefix,)  # in a tuple: train() and parameters() must not reach it
        self.suffix = cut.suffix

    def forward(self, images: Tensor) -> Tensor:
        """Logits, batch x classes, of images, batch x channels x height x width."""
        (prefix,) = self._prefix
        assert prefix is not None
        with torch.no_grad():
            features = prefix(images)
        return logits_in(self.suffix(*features))


def _reached(graph: fx.Graph, planted: Set[str]) -> set[fx.Node]:
    """The nodes that use a planted tensor or the result of a node that does, and the output."""
    reached: set[fx.Node] = set()
    for node in graph.nodes:
        owns = node.op in ("call_module", "get_attr") and any(
            name == node.target or name.startswith(f"{node.target}.") for name in planted
        )
        if owns or node.op == "output" or any(source in reached for source in node.all_input_nodes):
            reached.add(node)
    return reached


def _copied(
    graph: fx.Graph, nodes: Set[fx.Node], inputs: list[fx.Node]
) -> tuple[fx.Graph, dict[fx.Node, fx.Node]]:
    """A graph of some of the nodes, with new inputs in place of others; and the copy of each."""
    copied = fx.Graph()
    copies = {node: copied.placeholder(node.name) for node in inputs}
    for node in graph.nodes:
        if node in nodes:
            copies[node] = copied.node_copy(node, copies.__getitem__)
    return copied, copies


@torch.no_grad()
def _same_function(network: nn.Module, cut: Cut, example: Tensor) -> bool:
    was_training = network.training
    network.eval()
    assert cut.prefix is not None
    cut.suffix.eval()
    features = cut.prefix(example)
    # A batch size that crosses the boundary as a number would be cached like a feature.
    batched = all(isinstance(each, Tensor) and len(each) == len(example) for each in features)
    answers = [network(example), cut.suffix(*features)] if batched else []
    same = batched and torch.equal(*map(logits_in, answers))
    network.train(was_training)
    return same
