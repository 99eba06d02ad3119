"""The public names of plantnas, and nothing else.

They are imported on first use, so that `plantnas --help` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from plantnas.version import __version__

if TYPE_CHECKING:
    from plantnas.channels.groups import channel_groups, widths
    from plantnas.channels.planting import crop, narrow, plant
    from plantnas.config import StudyConfig
    from plantnas.config_files import load_study
    from plantnas.errors import PlantnasError, UnsupportedArchitecture
    from plantnas.records.loading import load_network
    from plantnas.report import plots
    from plantnas.report.frames import (
        epochs_frame,
        evaluations_frame,
        networks_frame,
        widths_frame,
    )
    from plantnas.report.images import load_images
    from plantnas.search.launch import run_study
    from plantnas.search.objective import PlantingObjective
    from plantnas.search.sampler import PlantingSampler

_HOMES = {
    "PlantingObjective": "plantnas.search.objective",
    "PlantingSampler": "plantnas.search.sampler",
    "PlantnasError": "plantnas.errors",
    "StudyConfig": "plantnas.config",
    "UnsupportedArchitecture": "plantnas.errors",
    "channel_groups": "plantnas.channels.groups",
    "crop": "plantnas.channels.planting",
    "epochs_frame": "plantnas.report.frames",
    "evaluations_frame": "plantnas.report.frames",
    "load_images": "plantnas.report.images",
    "load_network": "plantnas.records.loading",
    "load_study": "plantnas.config_files",
    "narrow": "plantnas.channels.planting",
    "networks_frame": "plantnas.report.frames",
    "plant": "plantnas.channels.planting",
    "run_study": "plantnas.search.launch",
    "widths": "plantnas.channels.groups",
    "widths_frame": "plantnas.report.frames",
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
