"""What a study's teacher and its seed start from, before they are trained.

What a teacher's weights are is in networks/pretrained.py, what new channels start from in
channels/initialisations/; how both are trained in first_networks.py.
"""

from collections.abc import Set

from torch import Tensor, nn

from plantnas.channels.initialisations import STARTS
from plantnas.channels.initialising import Donor, Grown, all_new
from plantnas.channels.resizing import resized
from plantnas.channels.structure import Structure
from plantnas.config import StudyConfig
from plantnas.errors import ConfigurationError, Say
from plantnas.networks.pretrained import load_pretrained
from plantnas.training.seeds import generator_for


def load_teacher(network: nn.Module, config: StudyConfig, classifier: Set[str], say: Say) -> None:
    """Gives a teacher the weights that its search space names, if it names any.

    Args:
        network: The teacher's, on the CPU, with fresh weights; it is changed in place.
        config: The study's.
        classifier: Names of the tensors of the network's last layer.
        say: Is told what of the weights it took, and of what use its channels are.

    Raises:
        ConfigurationError: The weights cannot be had, are not of this architecture, or have no
            classifier for these classes where the teacher is kept as it is.
    """
    space = config.search_space
    if space.has_other_teacher:
        say(
            "teacher: is of another architecture, so that its channels correspond to no student's: "
            "these start fresh, and nothing is probed"
        )
    weights = space.teacher.weights
    if weights is None:
        return
    fit = load_pretrained(network, space.of_teacher, weights, classifier)
    if config.data.mean is not None and config.data.std is not None:
        mean, std = (
            ", ".join(f"{number:g}" for number in numbers)
            for numbers in (config.data.mean, config.data.std)
        )
        say(f"images: pixels of 0 to 1, minus {mean}, over {std}")
    correspond = "" if space.has_other_teacher else "; its channels correspond to the students'"
    say(f"teacher: {fit}{correspond}")
    if fit.fresh and config.teacher.epochs == 0:
        raise ConfigurationError(
            "teacher.epochs: 0 keeps the teacher as it is, but search_space.teacher.weights: "
            f"{weights}: has no {fit.fresh[0]!r} of this shape: the classifier of this data must "
            "be trained."
        )


def started_seed(
    drawn: nn.Module,
    as_drawn: Structure,
    structure: Structure,
    config: StudyConfig,
    example: Tensor,
    donor: Donor | None,
) -> nn.Module:
    """The seed before its training, as `seed.start` says.

    Args:
        drawn: The architecture at the seed's widths, with fresh weights.
        as_drawn: Its structure.
        structure: The seed's, which may be narrower: as its donor is.
        config: The study's.
        example: images x channels x height x width, as networks take them.
        donor: The teacher, whose channels it may start from.

    Raises:
        PlantnasError: An initialisation of the user's raises, or leaves other tensors than it got.
    """
    started = resized(drawn, as_drawn, structure.widths)
    grown = Grown(
        network=started,
        structure=structure,
        parent=drawn,
        changed=all_new(started),
        example=example,
        donor=donor,
        generator=generator_for(config.random_seed, "seed", "start"),
    )
    grown.fill(STARTS.find(config.seed.start))
    return started


def answering(network: nn.Module, count: int) -> frozenset[str]:
    """The tensors that may be of the last layer of a network whose channels are not followed.

    Args:
        network: Any, on whatever device.
        count: How many numbers it answers an image by.
    """
    return frozenset(
        name for name, tensor in network.state_dict().items() if tensor.shape[:1] == (count,)
    )
