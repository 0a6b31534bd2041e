"""How does the command line speak to a running house? With a credential that only the data folder's owner can make."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from carerecord.app.apart_door import NAME as APART
from carerecord.app.catalogue import NAMES, OPERATOR, OPERATOR_ASKS
from carerecord.app.gate import Gate, secret_of
from carerecord.app.runfile import running_house
from carerecord.kit.calls import Calls, Socket
from carerecord.kit.errors import Unavailable
from carerecord.kit.tokens import credential, derive, keys_for


@asynccontextmanager
async def apart_calls(gate: Gate) -> AsyncIterator[Calls]:
    """A way to whoever keeps the processes of a house that runs apart.

    Raises:
        Unavailable: none runs so on this data folder.
    """
    run = running_house(gate.data_dir)
    if run is None or not run.services:
        raise Unavailable(f"Nothing runs apart on {gate.data_dir}. Start it first: make demo-apart, or carerecord serve --apart.")
    shown = credential(derive(secret_of(gate), f"door/{APART}"), OPERATOR)
    async with aiohttp.ClientSession() as session:
        yield Calls(OPERATOR, {APART: Socket(session, run.inner, shown, deadline_s=180.0)})


@asynccontextmanager
async def operator_calls(gate: Gate, *, deadline_s: float = 60.0) -> AsyncIterator[Calls]:
    """A way to put the operator's questions to the house that runs on this data folder.

    Raises:
        Unavailable: none runs; says how to start one.
    """
    run = running_house(gate.data_dir)
    if run is None:
        raise Unavailable(f"Nothing runs on {gate.data_dir}. Start it first: carerecord serve, or make demo.")
    keys = keys_for(secret_of(gate), OPERATOR, NAMES, OPERATOR_ASKS)
    async with aiohttp.ClientSession() as session:
        yield Calls(
            OPERATOR,
            {
                each: Socket(
                    session, f"{run.services.get(each, run.inner)}/{each}", keys.credentials[each], deadline_s=deadline_s
                )
                for each in OPERATOR_ASKS
            },
        )
