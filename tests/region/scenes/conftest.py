"""One region for all tests of its scenes: making it costs half a second."""

from datetime import UTC, datetime

import pytest

from carerecord.region import make_region
from carerecord.region.shapes import Region

NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def region() -> Region:
    return make_region(7, 300, now=NOW)
