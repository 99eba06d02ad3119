"""A small network of a trained one, in seconds: no labels and no training."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fitted
from plantnas.channels.initialising import Donor, Grown, all_new
from plantnas.channels.ordering import largest_first
from plantnas.channels.planting import asked_widths
from plantnas.channels.reconstruction import places_within, sampled
from plantnas.channels.resizing import resized
from plantnas.channels.structure import Structure
from plantnas.channels.traces import check_runs
from plantnas.errors import PlantingError
from plantnas.modules import bare, check_beside

MEMORY = 2**30
"""Bytes that may be sampled of a model. That is enough for all places of most."""


def shrink(
    model: nn.Module,
    images: Tensor,
    widths: Mapping[str, int] | float,
    *,
    minimum: int = 1,
) -> nn.Module:
    """The network at smaller widths that computes most nearly the same, layer by layer.

    Of each channel group the channels are kept that have the largest weights (`channel_scores`).
    Each layer is then the least-squares reconstruction of the model's own layer from what the small
    network computes before it (He, Zhang and Sun 2017, arXiv 1707.06168), and each BatchNorm has
    the small network's statistics. It is a better start of training than the channels as they are.

    Args:
        model: A trained network, on any device; left untouched.
        images: images x channels x height x width, as the model takes them, on its device: some
            hundreds that it was trained on. Labels are not needed. All are run at once.
        widths: {group name: channels to keep}, where groups that are not named keep all; or a
            fraction of every growable group's width, rounded to the group's granularity. Groups
            grow, and shrink, that a LayerNorm, an RMSNorm or a GroupNorm mixes, too.
        minimum: No width becomes smaller than this through a fraction; a smaller one stays.

    Raises:
        PlantingError: A width that the model cannot have, or that is larger than present; or what
            it computes is not finite.
        UnsupportedArchitecture: The model's channels cannot be followed, or its code cannot run so.
    """
    model = bare(model)
    structure = analyse(model, images).opened
    check_beside("images", images, model)
    widths = asked_widths(structure, widths, minimum)
    donor = sampled_donor(model, structure, images)
    _check_finite(donor)
    small = shrunk(donor, widths)
    check_runs(small, images)
    return small


def _check_finite(donor: Donor) -> None:
    assert donor.samples is not None
    for name, outputs in donor.samples.outputs.items():
        if not outputs.isfinite().all():
            raise PlantingError(
                f"images: what the layer of {name!r} computes on them is not finite: they, or the "
                "model's weights, are not."
            )


def sampled_donor(model: nn.Module, structure: Structure, images: Tensor) -> Donor:
    """The network with its largest channels first, and what it then computes on some images."""
    ordered = largest_first(model, structure)
    return Donor(ordered, structure, sampled(ordered, images, places_within(structure, MEMORY)))


def shrunk(
    donor: Donor, widths: Mapping[str, int], fill: Callable[[Grown], object] = fitted.fill
) -> nn.Module:
    """The donor's first channels, as many as the widths say, started as `fill` does.

    Args:
        donor: With samples; left untouched.
        widths: {group name: channels to keep}; groups that are not named keep all.
        fill: An initialisation; the default is the closed form of `shrink`.

    Raises:
        PlantingError: A width that the donor cannot have, or that is larger than present.
    """
    assert donor.samples is not None
    small = resized(donor.network, donor.structure, donor.structure.widths_with(widths))
    grown = Grown(
        network=small,
        structure=donor.structure.with_widths(widths),
        parent=donor.network,
        changed=all_new(small),
        example=donor.samples.images,
        donor=donor,
        generator=None,
    )
    grown.fill(fill)
    return small
