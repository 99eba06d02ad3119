"""Whatever a network returns, its logits are found by one rule, or it is refused in one line."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import optuna
import pytest
import torch
from torch import Tensor, nn

from plantnas.channels.containers import logits_in
from plantnas.errors import UnsupportedArchitecture
from plantnas.report.export.formats import program_file
from plantnas.search_space import SearchSpace
from plantnas.training.answers import Answering, check_answers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import StudyFolder

HEADS = """
from collections import namedtuple
from dataclasses import dataclass

from torch import Tensor, nn

Outputs = namedtuple("Outputs", "aux logits")

@dataclass
class Answer:
    features: Tensor
    logits: Tensor

ANSWERS = {
    "tuple": lambda net, logits, aux, features: (logits, aux),
    "out": lambda net, logits, aux, features: {"aux": aux, "out": logits},
    "named": lambda net, logits, aux, features: Outputs(aux, logits),
    "dataclass": lambda net, logits, aux, features: Answer(features, logits),
    "training": lambda net, logits, aux, features: (logits, aux) if net.training else logits,
}

class Net(nn.Module):
    def __init__(self, classes, channels, answer):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(channels, 4, 3, padding=1), nn.Conv2d(4, 8, 3)
        self.norm, self.head, self.aux = nn.BatchNorm2d(8), nn.Linear(8, classes), nn.Linear(8, 3)
        self.answer = ANSWERS[answer]

    def forward(self, x):
        y = self.norm(self.conv(self.stem(x).relu())).relu().mean((2, 3))
        return self.answer(self, self.head(y), self.aux(y), y)

def net(num_classes, in_channels, answer):
    return Net(num_classes, in_channels, answer)
"""

LOGITS, OTHER = torch.zeros(2, 10), torch.ones(2, 3)


@pytest.mark.parametrize(
    "answer",
    [
        LOGITS,
        (LOGITS, OTHER),
        {"aux": OTHER, "logits": LOGITS},
        {"out": LOGITS, "aux": OTHER},
        OrderedDict(first=[LOGITS], second=OTHER),
        [[(LOGITS,)], OTHER],
        {"out": None, "first": LOGITS},
    ],
)
def test_logits_are_what_has_their_name_or_the_first_tensor(answer: Any) -> None:
    assert logits_in(answer) is LOGITS


@pytest.mark.parametrize("answer", [None, {}, "logits", [1, 2]])
def test_an_answer_without_a_tensor_is_refused(answer: Any) -> None:
    with pytest.raises(UnsupportedArchitecture, match=r"returns a \w+ without a tensor"):
        logits_in(answer)


class Returning(nn.Module):
    """A network of one layer that returns what a function makes of its logits."""

    def __init__(self, answer: Callable[[Tensor, bool], Any]) -> None:
        super().__init__()
        self.layer, self.answer = nn.Linear(8, 10), answer

    def forward(self, images: Tensor) -> Any:
        return self.answer(self.layer(images), self.training)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x, training: x[:, :, None], r"^Returning: what it returns in evaluation mode has"),
        (lambda x, training: {"out": x[:, :3]}, r"'out' of the dict that it returns in evaluation"),
        (lambda x, training: (x[0], x), r"the first tensor of the tuple .* shape \[10\], where"),
        (lambda x, training: x.argmax(1) if training else x, r"in training mode has the shape"),
        (lambda x, training: None, r"returns a NoneType without a tensor"),
    ],
)
def test_what_is_no_logits_is_refused_in_one_line(
    answer: Callable[[Tensor, bool], Any], message: str
) -> None:
    with pytest.raises(UnsupportedArchitecture, match=message) as told:
        check_answers(Returning(answer), torch.zeros(2, 8), 10, lambda line: None)
    assert "\n" not in str(told.value)


def test_which_of_several_tensors_are_logits_is_said() -> None:
    said, network = list[str](), Returning(lambda x, training: (x, x[0]) if training else x)
    check_answers(network, torch.zeros(2, 8), 10, said.append)
    assert said == [
        "Returning: the first tensor of the tuple that it returns in training mode is trained, "
        "and nothing else."
    ]
    assert network.training


def test_a_checked_network_and_the_random_numbers_are_as_they_were() -> None:
    network = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 10))
    state, before = torch.random.get_rng_state(), network[0].state_dict()["running_mean"].clone()
    check_answers(network, torch.ones(2, 8), 10, lambda line: None)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(network[0].state_dict()["running_mean"], before)


def test_an_exported_program_gives_logits_alone() -> None:
    network = Returning(lambda x, training: {"out": x, "aux": x[:, :2]}).eval()
    content, difference = program_file(network, torch.ones(4, 8), {})
    assert content
    assert difference < 1e-5
    assert torch.equal(Answering(network)(torch.ones(1, 8)), network(torch.ones(1, 8))["out"])


@pytest.mark.parametrize(
    ("answer", "wiring"),
    [
        *(("out", "dense"), ("named", "dense"), ("dataclass", "dense"), ("training", "dense")),
        *(("tuple", "triangular"), ("training", "triangular")),
    ],
)
def test_a_network_of_several_outputs_is_searched(
    brief: StudyFolder, folder: Path, answer: str, wiring: Literal["dense", "triangular"]
) -> None:
    (folder / "heads_of_mine.py").write_text(HEADS)
    space = SearchSpace(
        architecture="heads_of_mine:net", arguments={"answer": answer}, wiring=wiring
    )
    config = brief.config.model_copy(update={"search_space": space})
    study = replace(brief, directory=folder / "study", config=config)
    trials = study.run().get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert trials
    network = study.records.load(study.records.networks()[-1])
    assert logits_in(network(study.records.example)).shape == (2, 10)
