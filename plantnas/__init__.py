"""The public names of plantnas, and nothing else.

They are imported on first use, so that `plantnas --help` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from plantnas.version import __version__

if TYPE_CHECKING:
    from plantnas.calling.result import SearchResult as SearchResult
    from plantnas.calling.search import search as search
    from plantnas.channels.groups import channel_groups as channel_groups
    from plantnas.channels.groups import widths as widths
    from plantnas.channels.planting import crop as crop
    from plantnas.channels.planting import narrow as narrow
    from plantnas.channels.planting import plant as plant
    from plantnas.channels.rules import register_rule as register_rule
    from plantnas.channels.shrinking import shrink as shrink
    from plantnas.channels.wiring import wired as wired
    from plantnas.config import StudyConfig as StudyConfig
    from plantnas.config_files import load_study as load_study
    from plantnas.errors import PlantnasError as PlantnasError
    from plantnas.errors import UnsupportedArchitecture as UnsupportedArchitecture
    from plantnas.listening import TrainingProgress as TrainingProgress
    from plantnas.listening import listening as listening
    from plantnas.networks.loader import build_network as build_network
    from plantnas.records.family import load_family as load_family
    from plantnas.records.study import load_network as load_network
    from plantnas.report import plots as plots
    from plantnas.report.frames.frames import baselines_frame as baselines_frame
    from plantnas.report.frames.frames import costs_frame as costs_frame
    from plantnas.report.frames.frames import epochs_frame as epochs_frame
    from plantnas.report.frames.frames import evaluations_frame as evaluations_frame
    from plantnas.report.frames.frames import metrics_frame as metrics_frame
    from plantnas.report.frames.frames import networks_frame as networks_frame
    from plantnas.report.frames.frames import trials_frame as trials_frame
    from plantnas.report.frames.frames import widths_frame as widths_frame
    from plantnas.report.images import load_images as load_images
    from plantnas.searching.objective import PlantingObjective as PlantingObjective
    from plantnas.trials.sampler import PlantingSampler as PlantingSampler
    from plantnas.trials.study import open_study as open_study
    from plantnas.workers.run import run_study as run_study

_HOMES = {
    "PlantingObjective": "plantnas.searching.objective",
    "PlantingSampler": "plantnas.trials.sampler",
    "PlantnasError": "plantnas.errors",
    "SearchResult": "plantnas.calling.result",
    "StudyConfig": "plantnas.config",
    "TrainingProgress": "plantnas.listening",
    "UnsupportedArchitecture": "plantnas.errors",
    "baselines_frame": "plantnas.report.frames.frames",
    "build_network": "plantnas.networks.loader",
    "channel_groups": "plantnas.channels.groups",
    "costs_frame": "plantnas.report.frames.frames",
    "crop": "plantnas.channels.planting",
    "epochs_frame": "plantnas.report.frames.frames",
    "evaluations_frame": "plantnas.report.frames.frames",
    "listening": "plantnas.listening",
    "load_family": "plantnas.records.family",
    "load_images": "plantnas.report.images",
    "load_network": "plantnas.records.study",
    "load_study": "plantnas.config_files",
    "metrics_frame": "plantnas.report.frames.frames",
    "narrow": "plantnas.channels.planting",
    "networks_frame": "plantnas.report.frames.frames",
    "open_study": "plantnas.trials.study",
    "plant": "plantnas.channels.planting",
    "register_rule": "plantnas.channels.rules",
    "run_study": "plantnas.workers.run",
    "search": "plantnas.calling.search",
    "shrink": "plantnas.channels.shrinking",
    "trials_frame": "plantnas.report.frames.frames",
    "widths": "plantnas.channels.groups",
    "widths_frame": "plantnas.report.frames.frames",
    "wired": "plantnas.channels.wiring",
}

__all__ = [*_HOMES, "__version__", "plots"]


def __getattr__(name: str) -> Any:
    if name == "plots":
        return import_module("plantnas.report.plots")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'plantnas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
