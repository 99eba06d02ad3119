"""Gives a study's teacher the weights that it is to start from, or to stay with.

What the weights are is in networks/pretrained.py; how the teacher is trained in first_networks.py.
"""

from torch import nn

from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.config import StudyConfig
from plantnas.errors import ConfigurationError, Say
from plantnas.networks.pretrained import load_pretrained


def load_teacher(network: nn.Module, config: StudyConfig, structure: Structure, say: Say) -> None:
    """Gives a teacher the weights that its search space names, if it names any.

    Args:
        network: The teacher's, on the CPU, with fresh weights; it is changed in place.
        config: The study's.
        structure: The network's.
        say: Is told what of the weights it took.

    Raises:
        ConfigurationError: The weights cannot be had, are not of this architecture, or have no
            classifier for these classes where the teacher is kept as it is.
    """
    weights = config.search_space.teacher.weights
    if weights is None:
        return
    fit = load_pretrained(network, config.search_space, weights, classifier_tensors(structure))
    if config.data.mean is not None and config.data.std is not None:
        mean, std = (
            ", ".join(f"{number:g}" for number in numbers)
            for numbers in (config.data.mean, config.data.std)
        )
        say(f"images: pixels of 0 to 1, minus {mean}, over {std}")
    say(f"teacher: {fit}; its channels correspond to the students'")
    if fit.fresh and config.teacher.epochs == 0:
        raise ConfigurationError(
            "teacher.epochs: 0 keeps the teacher as it is, but search_space.teacher.weights: "
            f"{weights}: has no {fit.fresh[0]!r} of this shape: the classifier of this data must "
            "be trained."
        )
