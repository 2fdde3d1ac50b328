"""Fixtures that several files of tests/hw use."""

import pytest

from tests.hw.control_ports import VARIANTS, configured


@pytest.fixture(params=VARIANTS)
def port_config(request):
    """What a control port is built for: each kind there is."""
    return configured(request.param)


@pytest.fixture
def full_port():
    """The configuration whose port has every window."""
    return configured("every-window")
