"""The patient index on a real database."""

import pytest
from tests.patients.people import Desk, a_desk


@pytest.fixture
async def desk(service_database) -> Desk:
    return a_desk((await service_database("patients")).pool)
