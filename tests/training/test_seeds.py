"""Seeds that derive from a study's one seed."""

import torch

from plantnas.training.seeds import derived_seed, generator_for


def test_equal_purposes_have_equal_seeds() -> None:
    assert derived_seed(3, "rows", {"conv1": 4}) == derived_seed(3, "rows", {"conv1": 4})


def test_other_purposes_and_other_studies_have_other_seeds() -> None:
    seeds = {derived_seed(study, "batches", trial) for study in range(20) for trial in range(20)}
    assert len(seeds) == 400


def test_every_seed_is_one_that_torch_numpy_and_a_study_accept() -> None:
    assert all(0 <= derived_seed(number) < 2**31 for number in range(1000))


def test_a_generator_draws_the_same_numbers_for_the_same_purpose() -> None:
    first, second = (torch.rand(5, generator=generator_for(1, "views")) for _ in range(2))
    assert torch.equal(first, second)
