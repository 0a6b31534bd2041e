"""A door for each test of identity."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from tests.conftest import TestDatabase
from tests.identity.a_hospital_door import Door, DoorMaker, a_door


@pytest.fixture
async def door(service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(await service_database("identity"), tmp_path / "providers") as made:
        yield made


@pytest.fixture
async def database_for_door(service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path) -> DoorMaker:
    """A door that the test opens itself, told other things."""
    return partial(a_door, await service_database("identity"), tmp_path / "providers")
