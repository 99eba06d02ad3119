"""What is sampled of a teacher: kept in a file, within the memory."""

from pathlib import Path

import pytest
import torch

from plantnas.channels.groups import analyse
from plantnas.channels.initialising import Donor
from plantnas.channels.planting import narrow
from plantnas.channels.reconstruction import PLACES, sampled
from plantnas.errors import StorageError
from plantnas.networks.loader import build_network
from plantnas.training.samples import (
    FEWEST_IMAGES,
    IMAGES,
    TeacherSamples,
    images_within,
    load_samples,
    save_samples,
    teacher_samples,
)
from plantnas.training.views import Inputs

ENOUGH = 2.0**30


def teacher() -> Donor:
    example = torch.zeros(2, 1, 8, 8)
    network = narrow(build_network("plain", 10, 1), example, 0.25, torch.Generator().manual_seed(2))
    return Donor(network.eval(), analyse(network, example))


def inputs() -> Inputs:
    return Inputs((torch.randn(2, 600, 8, 8, 1, generator=torch.Generator().manual_seed(0)),))


def drawn(memory: float = ENOUGH) -> TeacherSamples:
    return teacher_samples(teacher(), inputs(), memory, torch.Generator().manual_seed(1))


def test_every_layer_is_sampled_on_several_hundred_images_in_their_views():
    samples, structure = drawn(), teacher().structure
    assert samples.outputs.keys() == {use.tensor for use in structure.weight_uses}
    assert len(samples.indices.unique()) == IMAGES
    assert samples.views.unique().tolist() == [0, 1]


def test_a_file_has_what_was_sampled_and_of_which_images(tmp_path: Path):
    samples, images = drawn(), inputs()
    save_samples(tmp_path / "samples.pt", samples)
    loaded = load_samples(tmp_path / "samples.pt", images)
    again = sampled(teacher().network, loaded.images)
    assert loaded.indices is not None
    assert torch.equal(loaded.indices, samples.indices)
    assert all(torch.equal(loaded.outputs[name], each) for name, each in samples.outputs.items())
    for name, each in again.outputs.items():
        torch.testing.assert_close(each, loaded.outputs[name])


def test_samples_stay_within_the_memory():
    memory = 200_000
    sizes = [each.numel() * 4 for each in drawn(memory).outputs.values()]
    assert memory / 2 < sum(sizes) <= memory
    assert len(drawn().outputs["features.0.weight"]) <= PLACES


def test_images_are_as_many_as_can_be_run_in_the_memory():
    structure = teacher().structure
    assert images_within(structure, ENOUGH) == IMAGES
    assert FEWEST_IMAGES < images_within(structure, ENOUGH / 1000) < IMAGES
    assert images_within(structure, 1) == FEWEST_IMAGES


@pytest.mark.parametrize("damage", [lambda b: b[:-100], lambda b: b"", lambda b: b"x" * 50])
def test_a_damaged_file_is_told_of_by_its_name(tmp_path: Path, damage):
    path = tmp_path / "samples.pt"
    save_samples(path, drawn())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StorageError, match=r"samples\.pt: the teacher's samples cannot be read"):
        load_samples(path, inputs())


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"views": 3, "indices": 4, "outputs": {}},
        {"views": torch.zeros(2), "indices": torch.zeros(2), "outputs": {"a": "b"}},
    ],
)
def test_a_file_of_something_else_is_told_of_by_its_name(tmp_path: Path, content):
    path = tmp_path / "samples.pt"
    torch.save(content, path)
    with pytest.raises(StorageError, match=r"samples\.pt: the teacher's samples "):
        load_samples(path, inputs())


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "folder").write_bytes(b"in the way")
    with pytest.raises(StorageError, match=r"samples\.pt: cannot be written"):
        save_samples(tmp_path / "folder" / "samples.pt", drawn())
