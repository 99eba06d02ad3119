"""Networks of several sizes in one training: those of a planted lineage, or evenly narrowed ones.

`family` has the widths of a lineage. It starts as the teacher's closed form, the smallest network
first and the others around it, and each network learns from the teacher.

`slimmable-kd` is the rival: even widths, one set of weights for all sizes, the widest network
learning from the teacher and the others from it, after Yu and Huang, "Universally Slimmable
Networks and Improved Training Techniques", ICCV 2019, arXiv 1903.05134. Their sandwich rule trains
the narrowest, the widest and some random widths in each batch; here the widths are the targets'.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from torch.optim.swa_utils import update_bn

from plantnas.baselines.budget import Member
from plantnas.baselines.methods import FamilyMethod, FamilyOrder
from plantnas.baselines.sizes import SizeNotReachable, Widths, uniform_widths
from plantnas.channels.initialisations import fitted
from plantnas.channels.initialising import Initialisation
from plantnas.channels.planting import crop, plant
from plantnas.channels.shrinking import shrunk
from plantnas.report.front import FINISH
from plantnas.training.fitting import Optimizer, Part, before_training, fit_together
from plantnas.training.nested import Nested, NestedOptimizer, nested
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.phases import Phases
from plantnas.training.seeds import generator_for

CALIBRATION_BATCH = 500
"""Images that statistics are refitted by at once, at most."""


def train_family(wanted: FamilyOrder) -> list[Member]:
    """The networks of a lineage's widths, each a crop of the next, trained together.

    The smallest, which is the first to be as good as it gets, is trained in every second batch, and
    the loss of the widest counts twice.

    Raises:
        SizeNotReachable: The targets are not of one lineage.
        TrainingDiverged: A loss was not finite.
    """
    prepared, widths = wanted.prepared, [target.widths for target in wanted.targets]
    for narrow, wide in pairwise(widths):
        if any(narrow[name] > wide[name] for name in narrow):
            raise SizeNotReachable(
                "the planted networks are not of one lineage, so they cannot be nested; take "
                "those of the best one's: --targets lineage."
            )
    phases = Phases()
    with phases("start"):
        members = nested_closed_forms(wanted, widths)
    parts = [Part(member.network) for member in members]
    if len(parts) > 1:
        parts[0] = parts[0]._replace(every=2)
        parts[-1] = parts[-1]._replace(weight=2.0)
    before = [
        before_training(member.network, prepared.data, wanted.recipe.peak) for member in members
    ]
    trained = _trained(wanted, members, parts, phases)
    return [
        member._replace(epochs=(start, *member.epochs))
        for start, member in zip(before, trained, strict=True)
    ]


def nested_closed_forms(wanted: FamilyOrder, sizes: Sequence[Widths]) -> list[Nested]:
    """The closed form of the smallest widths, and around each network that of the next ones."""
    prepared, smallest = wanted.prepared, sizes[0]
    donor = prepared.sampled_donor
    structure, network = donor.structure.with_widths(smallest), shrunk(donor, smallest)
    members = [nested(network, structure)]
    for narrow, wide in pairwise(sizes):
        network = plant(
            network,
            prepared.example,
            {name: wide[name] - narrow[name] for name in wide},
            initialisation=Initialisation(fitted.fill, donor=donor),
            structure=structure,
        )
        structure = donor.structure.with_widths(wide)
        members.append(nested(network, structure))
    return members


def train_slimmable(wanted: FamilyOrder) -> list[Member]:
    """Evenly narrowed networks that share all weights, their statistics refitted at the end.

    Raises:
        SizeNotReachable: No even narrowing has the size of a target.
        TrainingDiverged: A loss was not finite.
    """
    prepared, phases = wanted.prepared, Phases()
    donor, widths = prepared.sampled_donor, _even_widths(wanted)
    with phases("start"):
        wide = shrunk(donor, widths[-1])
        networks = [*(crop(wide, prepared.example, narrower) for narrower in widths[:-1]), wide]
    members = [
        Nested(network, donor.structure.with_widths(each), own=())
        for network, each in zip(networks, widths, strict=True)
    ]
    # The widest first: the others learn what it has just answered.
    parts = [Part(wide), *(Part(network, in_place=True) for network in networks[-2::-1])]
    trained, inputs = _trained(wanted, members, parts, phases), prepared.data.inputs
    # Of equal size: each batch counts alike, and one of a single image has no statistics.
    batch = ceil(inputs.images / ceil(inputs.images / CALIBRATION_BATCH))
    for network, _, spent in trained:
        with spent("statistics"):
            update_bn(inputs.in_order(0, batch), network)
    return trained


def _even_widths(wanted: FamilyOrder) -> list[Widths]:
    """The even widths of the targets' sizes; none is less wide anywhere than the one before."""
    widths = list[Widths]()
    structure, pricing = wanted.prepared.sampled_donor.structure, wanted.prepared.pricing
    for target in wanted.targets:
        before = widths[-1] if widths else {}
        even = uniform_widths(structure, target.cost, pricing=pricing)
        widths.append({name: max(width, before.get(name, 0)) for name, width in even.items()})
    return widths


def _trained(
    wanted: FamilyOrder, members: Sequence[Nested], parts: Sequence[Part], phases: Phases
) -> list[Member]:
    """The networks after their training together; the last is the widest."""
    macs = {member.network: member.structure.macs() for member in members}
    recipe = wanted.recipe_for(sum(macs[part.network] / part.every for part in parts))
    *narrow, wide = members
    if narrow:
        optimizer: Optimizer = NestedOptimizer(narrow, wide, recipe)
    else:
        optimizer = whole_network_optimizer(wide.network, recipe)
    generator, data = generator_for(wanted.seed, "batches"), wanted.prepared.data
    histories = fit_together(parts, optimizer, data, recipe, generator)
    epochs = dict(zip((part.network for part in parts), histories, strict=True))
    trained = list[Member]()
    for member in members:
        share, own = Phases(), epochs[member.network]
        share.add({"start": phases.seconds["start"] / len(members)})
        share.add({"training": sum(epoch.seconds for epoch in own)})
        trained.append(Member(member.network, own, share))
    return trained


METHODS = (
    FamilyMethod("family", train_family, kind=FINISH),
    FamilyMethod("slimmable-kd", train_slimmable),
)
