"""Latency is measured, not counted."""

import pytest

from plantnas.channels.costs import LATENCY, cost_of, counted
from plantnas.errors import ConfigurationError


def test_it_does_not_follow_from_widths(grouped):
    with pytest.raises(ConfigurationError, match="is measured of a study's networks"):
        cost_of(LATENCY)(grouped.structure, {})
    assert LATENCY not in counted(grouped.structure)
