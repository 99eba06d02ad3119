"""Features are computed once for all workers of a machine, under a limit that they share."""

import multiprocessing
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkProcess
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from plantnas.networks.loader import build_network
from plantnas.training.features import FeatureCache
from plantnas.training.fitting import TrainingData
from plantnas.training.prefix import Cut, cut_before
from plantnas.training.views import Inputs

Digits = Callable[[], TrainingData]
CacheOf = Callable[[float], FeatureCache]
FORK = multiprocessing.get_context("fork")
EXAMPLE = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=["in memory", "in a folder"])
def cache_of(request: pytest.FixtureRequest, tmp_path: Path) -> CacheOf:
    """A cache with a limit, of each kind."""
    folder = tmp_path / "features" if request.param == "in a folder" else None
    return lambda limit_bytes: FeatureCache(limit_bytes, folder)


def cut_at(layer: int, seed: int = 0) -> Cut:
    """A plain-small that is planted at one of its layers 3, 7 and 10."""
    network = build_network("plain-small", 10, in_channels=1, seed=seed).eval()
    return cut_before(network, {f"features.{layer}.weight"}, EXAMPLE)


@pytest.fixture
def plain_cut() -> Cut:
    return cut_at(10)


def prefix_of(cut: Cut) -> nn.Module:
    assert cut.prefix is not None
    return cut.prefix


def test_cached_features_are_those_of_every_view(
    cache_of: CacheOf, plain_cut: Cut, digits: Digits
) -> None:
    inputs = digits().inputs
    features = cache_of(1e9).features(plain_cut, inputs, "train", parent=1)
    assert features is not None
    assert (features.views, features.images) == (inputs.views, inputs.images)
    views, indices = torch.tensor([1, 0, 1]), torch.tensor([5, 90, 7])
    with torch.no_grad():
        expected = prefix_of(plain_cut)(*inputs.batch(views, indices))
    for cached, computed in zip(features.batch(views, indices), expected, strict=True):
        torch.testing.assert_close(cached, computed, rtol=1e-5, atol=1e-6)


def test_features_of_the_same_parent_and_boundary_are_computed_once(
    cache_of: CacheOf, plain_cut: Cut, digits: Digits
) -> None:
    cache, inputs = cache_of(1e9), digits().inputs
    first = cache.features(plain_cut, inputs, "train", parent=1)
    assert cache.features(plain_cut, inputs, "train", parent=1) is first


def test_features_of_two_splits_are_kept_beside_each_other(
    cache_of: CacheOf, plain_cut: Cut, digits: Digits
) -> None:
    cache, data = cache_of(1e9), digits()
    train = cache.features(plain_cut, data.inputs, "train", parent=1)
    validation = cache.features(plain_cut, data.validation_inputs, "validation", parent=1)
    assert validation is not None
    assert validation.images == 100
    assert cache.features(plain_cut, data.inputs, "train", parent=1) is train


def test_another_parent_has_other_features(
    cache_of: CacheOf, plain_cut: Cut, digits: Digits
) -> None:
    cache, inputs = cache_of(1e9), digits().inputs
    first = cache.features(plain_cut, inputs, "train", parent=1)
    assert cache.features(plain_cut, inputs, "train", parent=2) is not first


def test_another_boundary_has_other_features(cache_of: CacheOf, digits: Digits) -> None:
    cache, sums = cache_of(1e9), set()
    for layer in (3, 7, 10):
        features = cache.features(cut_at(layer), digits().inputs, "train", parent=1)
        assert features is not None
        sums.add(features.tensors[0].sum().item())
    assert len(sums) == 3


def size_in_bytes(cut: Cut, data: TrainingData) -> int:
    features = FeatureCache(1e9).features(cut, data.inputs, "train", parent=1)
    assert features is not None
    return sum(each.nbytes for each in features.tensors)


def test_features_over_the_limit_are_not_computed(
    cache_of: CacheOf, plain_cut: Cut, digits: Digits
) -> None:
    inputs, size = digits().inputs, size_in_bytes(plain_cut, digits())
    assert cache_of(size - 1).features(plain_cut, inputs, "train", parent=1) is None
    assert cache_of(size).features(plain_cut, inputs, "train", parent=1) is not None


def test_older_boundaries_make_room_for_newer_ones(cache_of: CacheOf, digits: Digits) -> None:
    older, newer, inputs = cut_at(3), cut_at(7), digits().inputs
    cache = cache_of(max(size_in_bytes(cut, digits()) for cut in (older, newer)))
    first = cache.features(older, inputs, "train", parent=1)
    second = cache.features(newer, inputs, "train", parent=1)
    assert cache.features(newer, inputs, "train", parent=1) is second
    assert cache.features(older, inputs, "train", parent=1) is not first


def test_splits_of_one_boundary_never_drop_each_other(
    cache_of: CacheOf, plain_cut: Cut, digits: Digits
) -> None:
    cache, inputs = cache_of(1.5 * size_in_bytes(plain_cut, digits())), digits().inputs
    first = cache.features(plain_cut, inputs, "validation", parent=1)
    assert cache.features(plain_cut, inputs, "train", parent=1) is None
    assert cache.features(plain_cut, inputs, "validation", parent=1) is first


def test_without_a_prefix_the_images_themselves_are_the_features(digits: Digits) -> None:
    network, inputs = nn.Flatten(), digits().inputs
    assert FeatureCache(0).features(Cut(None, network, ()), inputs, "train", 1) is inputs


class TwoValues(nn.Module):
    """A prefix that gives one value with a height and width, and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(images)
        return x.relu(), x.mean((2, 3))


@pytest.mark.parametrize("cut", [cut_at(3), cut_at(10)], ids=["first", "last"])
def test_mapped_features_are_to_the_bit_those_in_memory(
    cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    check_same_features(cut, digits().inputs, tmp_path)


def test_several_features_of_one_boundary_share_a_file(digits: Digits, tmp_path: Path) -> None:
    cut = Cut(TwoValues(), nn.Identity(), ("relu", "mean"))
    check_same_features(cut, digits().inputs, tmp_path)
    assert len(files(tmp_path)) == 1


def check_same_features(cut: Cut, inputs: Inputs, folder: Path) -> None:
    in_memory = FeatureCache(1e9).features(cut, inputs, "train", parent=1)
    computed = FeatureCache(1e9, folder).features(cut, inputs, "train", parent=1)
    found = FeatureCache(1e9, folder).features(cut, inputs, "train", parent=1)
    assert in_memory is not None
    assert computed is not None
    assert found is not None
    for tensors in zip(in_memory.tensors, computed.tensors, found.tensors, strict=True):
        assert all(torch.equal(each, tensors[0]) for each in tensors)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.features"))


def partial_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.partial"))


@contextmanager
def images_through(cut: Cut) -> Iterator[list[int]]:
    """The sizes of the batches of which the prefix computes features."""
    seen: list[int] = []
    handle = prefix_of(cut).register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    yield seen
    handle.remove()


def test_what_one_worker_has_computed_another_maps(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    inputs = digits().inputs
    FeatureCache(1e9, tmp_path).features(plain_cut, inputs, "train", parent=1)
    with images_through(plain_cut) as seen:
        found = FeatureCache(1e9, tmp_path).features(plain_cut, inputs, "train", parent=1)
    assert found is not None
    assert seen == [1], "only to know the shapes"
    assert str(files(tmp_path)[0]) in Path("/proc/self/maps").read_text(), "not copied"


def test_what_is_done_to_features_reaches_no_other_worker(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    first, second = (
        FeatureCache(1e9, tmp_path).features(plain_cut, digits().inputs, "train", parent=1)
        for _ in range(2)
    )
    assert first is not None
    assert second is not None
    before = second.tensors[0].clone()
    first.tensors[0].add_(1)
    assert torch.equal(second.tensors[0], before)


@pytest.mark.parametrize(
    ("seed", "data"), [(1, "digits"), (0, "other digits")], ids=["weights", "data"]
)
def test_a_parent_of_the_same_id_but_another_study_finds_nothing(
    digits: Digits, tmp_path: Path, seed: int, data: str
) -> None:
    inputs, other = digits().inputs, cut_at(10, seed)
    FeatureCache(1e9, tmp_path, "digits").features(cut_at(10), inputs, "train", parent=1)
    with images_through(other) as seen:
        found = FeatureCache(1e9, tmp_path, data).features(other, inputs, "train", parent=1)
    assert sum(seen) == 1 + inputs.views * inputs.images
    assert found is not None
    (expected,) = FeatureCache(1e9).features(other, inputs, "train", parent=1).tensors
    assert torch.equal(found.tensors[0], expected)


def test_the_limit_is_that_of_all_workers_together(digits: Digits, tmp_path: Path) -> None:
    cuts, inputs = [cut_at(layer) for layer in (3, 7, 10)], digits().inputs
    sizes = [size_in_bytes(cut, digits()) for cut in cuts]
    limit = max(sizes[0] + sizes[1], sizes[2])
    held = []
    for cut in cuts:  # each in a worker of its own
        held.append(FeatureCache(limit, tmp_path).features(cut, inputs, "train", parent=1))
        assert 0 < sum(path.stat().st_size for path in files(tmp_path)) <= limit
    with images_through(cuts[0]) as seen:
        FeatureCache(limit, tmp_path).features(cuts[0], inputs, "train", parent=1)
    assert sum(seen) > 1, "the oldest was deleted"
    for cut, mapped in zip(cuts, held, strict=True):
        expected = FeatureCache(1e9).features(cut, inputs, "train", parent=1)
        assert mapped is not None, "a worker reads on what was deleted"
        assert torch.equal(mapped.tensors[0], expected.tensors[0])


@pytest.mark.parametrize(("sizes", "kept"), [(1.5, 1), (2.5, 2)])
def test_files_of_another_parent_are_deleted_where_the_limit_asks_for_it(
    plain_cut: Cut, digits: Digits, tmp_path: Path, sizes: float, kept: int
) -> None:
    inputs, limit = digits().inputs, sizes * size_in_bytes(plain_cut, digits())
    FeatureCache(limit, tmp_path).features(plain_cut, inputs, "train", parent=1)
    (before,) = files(tmp_path)
    FeatureCache(limit, tmp_path).features(plain_cut, inputs, "train", parent=2)
    assert len(files(tmp_path)) == kept
    assert before.exists() == (kept == 2)


def work(cut: Cut, data: TrainingData, folder: Path, ready: Barrier, seen: SimpleQueue) -> None:
    torch.set_num_threads(1)
    ready.wait()
    with images_through(cut) as batches:
        prefix_of(cut).register_forward_hook(lambda *_: time.sleep(0.05))
        features = FeatureCache(1e9, folder).features(cut, data.inputs, "train", parent=1)
    seen.put((sum(batches), features.tensors[0].sum().item()))


def test_workers_that_need_the_same_at_once_compute_it_once(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    data, ready, seen = digits(), FORK.Barrier(3), FORK.SimpleQueue()
    arguments = (plain_cut, data, tmp_path, ready, seen)
    workers = [FORK.Process(target=work, args=arguments, daemon=True) for _ in range(3)]
    for worker in workers:
        worker.start()
    results = sorted(seen.get() for _ in workers)
    for worker in workers:
        worker.join()
    assert [images for images, _ in results] == [1, 1, 1 + data.inputs.views * data.inputs.images]
    assert len({total for _, total in results}) == 1


def worker_in_its_second_batch(cut: Cut, data: TrainingData, folder: Path) -> ForkProcess:
    """A process that has begun to write features and stands still."""
    begun = FORK.Event()
    runs: list[int] = []

    def hold(*_: object) -> None:
        runs.append(1)
        if len(runs) == 3:  # the shapes and the first view are done
            begun.set()
            signal.pause()

    def compute() -> None:
        prefix_of(cut).register_forward_hook(hold)
        FeatureCache(1e9, folder).features(cut, data.inputs, "train", parent=1)

    worker = FORK.Process(target=compute, daemon=True)
    worker.start()
    assert begun.wait(30)
    return worker


def test_a_worker_that_dies_while_it_computes_leaves_neither_features_nor_a_lock(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    worker = worker_in_its_second_batch(plain_cut, digits(), tmp_path)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert files(tmp_path) == []
    assert partial_files(tmp_path) != []
    limit = size_in_bytes(plain_cut, digits())  # the dead worker's file has no share of it
    assert FeatureCache(limit, tmp_path).features(plain_cut, digits().inputs, "train", 1)
    assert partial_files(tmp_path) == []
    check_same_features(plain_cut, digits().inputs, tmp_path)


def test_what_another_worker_is_writing_counts_whole(digits: Digits, tmp_path: Path) -> None:
    written, wanted, inputs = cut_at(7), cut_at(10), digits().inputs
    sizes = [size_in_bytes(cut, digits()) for cut in (written, wanted)]
    worker = worker_in_its_second_batch(written, digits(), tmp_path)
    assert FeatureCache(sum(sizes) - 1, tmp_path).features(wanted, inputs, "train", 1) is None
    assert FeatureCache(sum(sizes), tmp_path).features(wanted, inputs, "train", 1) is not None
    worker.kill()
    worker.join()


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file can become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_where_a_folder_is_full_features_are_kept_in_memory(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    inputs, size = digits().inputs, size_in_bytes(plain_cut, digits())
    cache = FeatureCache(size, tmp_path)
    with disk_of(size - 1):
        features = cache.features(plain_cut, inputs, "train", parent=1)
    assert files(tmp_path) == partial_files(tmp_path) == []
    (expected,) = FeatureCache(1e9).features(plain_cut, inputs, "train", parent=1).tensors
    assert features is not None
    assert torch.equal(features.tensors[0], expected)
    assert cache.features(plain_cut, inputs, "train", parent=1) is features


def test_a_folder_that_cannot_be_made_is_no_error_and_the_limit_holds_in_memory(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    inputs, size = digits().inputs, size_in_bytes(plain_cut, digits())
    folder = tmp_path / "file" / "features"
    folder.parent.touch()
    assert FeatureCache(size, folder).features(plain_cut, inputs, "train", 1) is not None
    assert FeatureCache(size - 1, folder).features(plain_cut, inputs, "train", 1) is None


def test_the_folder_may_be_deleted_at_any_time(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    cache, data, folder = FeatureCache(1e9, tmp_path / "features"), digits(), tmp_path / "features"
    first = cache.features(plain_cut, data.inputs, "train", parent=1)
    assert first is not None
    before = first.tensors[0].clone()
    shutil.rmtree(folder)
    cache.features(plain_cut, data.validation_inputs, "validation", parent=1)
    assert len(files(folder)) == 1
    assert torch.equal(first.tensors[0], before)
    cache.features(plain_cut, data.inputs, "train", parent=1)
    assert len(files(folder)) == 2


def test_a_file_that_was_cut_short_is_made_again(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    FeatureCache(1e9, tmp_path).features(plain_cut, digits().inputs, "train", parent=1)
    os.truncate(files(tmp_path)[0], 1000)
    check_same_features(plain_cut, digits().inputs, tmp_path)


def test_features_of_another_device_stay_on_it(
    plain_cut: Cut, digits: Digits, tmp_path: Path
) -> None:
    inputs = Inputs((torch.empty(2, 96, 8, 8, 1, device="meta"),))
    prefix_of(plain_cut).to("meta")
    features = FeatureCache(1e9, tmp_path).features(plain_cut, inputs, "train", parent=1)
    assert features is not None
    assert features.tensors[0].device.type == "meta"
    assert list(tmp_path.iterdir()) == []
