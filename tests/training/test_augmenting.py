"""Views with transforms: a function of seed, view and image, kept or made when they are needed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plantnas.config import Data
from plantnas.errors import ConfigurationError
from plantnas.training.augmenting import Augmented, Keeping, augmented_views
from plantnas.training.data import Dataset, load_dataset
from plantnas.training.views import Inputs

STEPS = ({"RandomResizedCrop": {"size": 8}}, "TrivialAugmentWide", "RandomErasing")


def data_with(*steps: object, **settings: object) -> Data:
    given = {"name": "digits", "train": 60, "validation": 50, "views": 3, "shift": 1}
    return Data.model_validate(given | settings | {"augment": steps})


AUGMENTED = data_with(*STEPS)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset(AUGMENTED, random_seed=0)


def views_of(
    dataset: Dataset, data: Data = AUGMENTED, seed: int = 0, keeping: Keeping | None = None
) -> Inputs:
    augmented = Augmented(dataset, data, seed)
    return augmented_views(augmented, dataset, CPU, keeping or Keeping())


def fed(inputs: Inputs) -> Tensor:
    """The views of some images in an order of their own."""
    (batch,) = inputs.batch(torch.tensor([2, 0, 1, 2, 1]), torch.tensor([5, 3, 59, 0, 3]))
    return batch


def test_the_first_view_is_the_image_itself_and_others_are_not(dataset: Dataset) -> None:
    (tensor,) = views_of(dataset).tensors
    first, *others = tensor.movedim(-1, 2)
    assert torch.equal(first, dataset.train.pixels)
    assert all((view != first).flatten(1).any(1).float().mean() > 0.9 for view in others)


def test_one_view_is_the_image_itself_which_is_said(dataset: Dataset) -> None:
    said = list[str]()
    one = data_with(*STEPS, views=1)
    (tensor,) = views_of(dataset, one, keeping=Keeping(1e9, None, said.append)).tensors
    assert torch.equal(tensor.movedim(-1, 2)[0], dataset.train.pixels)
    first = "data.views is 1, and the first view is the image itself: "
    assert said == [f"{first}data.augment changes nothing"]


def test_a_view_is_a_function_of_seed_view_and_image(dataset: Dataset) -> None:
    whole = fed(views_of(dataset))
    torch.rand(7)  # whatever else is drawn
    made = views_of(dataset, keeping=Keeping(limit_bytes=0))
    backwards = [made.batch(torch.tensor([v]), torch.tensor([i]))[0] for v, i in [(1, 3), (2, 5)]]
    assert torch.equal(torch.cat(backwards), whole[[4, 0]])
    assert not torch.equal(fed(views_of(dataset, seed=1)), whole)


def test_torchs_own_generator_is_left_as_it_was(dataset: Dataset) -> None:
    before = torch.get_rng_state()
    views_of(dataset)
    assert torch.equal(torch.get_rng_state(), before)


def test_views_that_are_over_the_limit_are_made_as_the_same_and_their_price_is_said(
    dataset: Dataset,
) -> None:
    said = list[str]()
    kept, made = views_of(dataset), views_of(dataset, keeping=Keeping(1000, None, said.append))
    assert said[0].startswith("3 views of 60 images are ")
    assert "more than memory_gigabytes: they are made when they are needed, " in said[0]
    assert (made.views, made.images) == (kept.views, kept.images)
    assert torch.equal(fed(made), fed(kept))
    assert fed(made).stride() == fed(kept).stride()  # or kernels of torch would be others
    pairs = zip(made.in_order(1, 40), kept.in_order(1, 40), strict=True)
    assert all(torch.equal(ours, theirs) for (ours,), (theirs,) in pairs)
    chosen = torch.tensor([7, 3])
    ((ours,),), ((theirs,),) = (each.chosen(chosen).in_order(0, 9) for each in (made, kept))
    assert torch.equal(ours, theirs)


def test_views_that_fit_are_made_once_for_a_machine(dataset: Dataset, tmp_path: Path) -> None:
    said, path = list[str](), tmp_path / "new" / "key.views"
    keeping = Keeping(1e9, path, said.append)
    first, second = views_of(dataset, keeping=keeping), views_of(dataset, keeping=keeping)
    assert said == ["making 3 views of 60 images"]
    assert torch.equal(fed(first), fed(second))
    assert torch.equal(fed(first), fed(views_of(dataset)))
    path.with_name("half.views").write_bytes(path.read_bytes()[:100])
    half = replace(keeping, path=path.with_name("half.views"))
    assert torch.equal(fed(views_of(dataset, keeping=half)), fed(first))


def test_who_finds_the_views_makes_no_transforms(dataset: Dataset, tmp_path: Path) -> None:
    keeping = Keeping(1e9, tmp_path / "key.views")
    views_of(dataset, keeping=keeping)
    unknown = data_with(*STEPS[:-1], "NoSuchTransform")
    assert torch.equal(
        fed(views_of(dataset, unknown, keeping=keeping)), fed(views_of(dataset, keeping=keeping))
    )


def test_a_folder_that_cannot_be_written_leaves_the_views_in_memory(
    dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    kept = views_of(dataset, keeping=Keeping(1e9, tmp_path / "file" / "key.views"))
    assert torch.equal(fed(kept), fed(views_of(dataset)))


def test_views_are_mixed_after_their_transforms(dataset: Dataset) -> None:
    alone, data = data_with("RandomInvert"), data_with({"MixUp": {"alpha": 2.0}}, "RandomInvert")
    mixing = Augmented(dataset, data, 0).mixing
    assert mixing is not None
    views, indices = torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5])
    partners, shares, _ = mixing.pairs(views, indices)
    plain, mixed = (views_of(dataset, each).tensors[0].float() for each in (alone, data))
    share = shares.view(-1, 1, 1, 1)
    expected = share * plain[views, indices] + (1 - share) * plain[views, partners]
    torch.testing.assert_close(mixed[views, indices], expected, rtol=0, atol=0.51)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            {"RandomCrop": {"size": 6}},
            r"RandomCrop: images of 1 x 8 x 8 \(uint8\) become 1 x 6 x 6 \(uint8\), but must keep",
        ),
        (
            {"RandAugment": {"magnitude": 99}},
            r"RandAugment: cannot be applied to images of 1 x 8 x 8 \(uint8\): .*out of bounds",
        ),
    ],
)
def test_what_makes_no_such_image_is_told_in_a_line(
    dataset: Dataset, step: object, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^data\.augment: {message}"):
        views_of(dataset, data_with(step))
