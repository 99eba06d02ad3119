"""The planting sampler passes Optuna's own suite wherever its base sampler does."""

import warnings
from collections.abc import Callable

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from plantnas.trials.sampler import PlantingSampler

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def wrapped(base: Callable[[], BaseSampler]) -> Callable[[], BaseSampler]:
    def make() -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return PlantingSampler(base())

    return make


class TestRandom(BasicSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return wrapped(lambda: optuna.samplers.RandomSampler(seed=0))


@pytest.mark.slow
class TestTPE(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return wrapped(lambda: optuna.samplers.TPESampler(n_startup_trials=0, multivariate=True))


@pytest.mark.slow
class TestNSGAII(BasicSamplerTestCase, MultiObjectiveSamplerTestCase):
    # Bare NSGA-II fails the relative part too: it proposes nothing before its second generation.

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return wrapped(lambda: optuna.samplers.NSGAIISampler(population_size=2))


class TestCmaEs(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return wrapped(lambda: optuna.samplers.CmaEsSampler(n_startup_trials=0))


@pytest.mark.slow
class TestQMC(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return wrapped(lambda: optuna.samplers.QMCSampler(seed=0))


class HastyGP(optuna.samplers.GPSampler):
    """It models what was found as ever, but looks less long for the best place to try next."""

    def __init__(self) -> None:
        super().__init__(seed=0, n_startup_trials=0)
        self._n_preliminary_samples = 32
        self._n_local_search = 2
        self._tol = 0.1
        self._n_qmc_samples_qei = self._n_qmc_samples_ehvi = 8


@pytest.mark.slow
class TestGP(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    # Thirty-six pairs of distributions, one after the other, are eleven seconds of its models. The
    # others have them; here all kinds are in one space (`test_sample_relative_mixed`), as for each.
    test_sample_relative_numerical = None

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return wrapped(HastyGP)
