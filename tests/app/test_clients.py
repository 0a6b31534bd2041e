"""What is asked of a client that is let in follows from the source in whose name it writes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from carerecord.app import clients
from carerecord.contracts.identity import ADD_CLIENT, AddClientAsked, ClientAdded, ClientRow
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, SharedSection, Source
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.errors import NotAcceptable
from carerecord.kit.part import answer

BOTH, ALONE = SharedSection("allergies", "both"), SharedSection("plans", "master")
SOURCES = tuple(
    Source(id_, "RHM", "Harbour", "Midwives", "MW", "acute", "none", "", sections=sections)
    for id_, sections in (("pas", (BOTH,)), ("midwives", (BOTH, ALONE)))
)


@dataclass
class House:
    asked: list[AddClientAsked] = field(default_factory=list)

    async def takes_part(self, _: RegistryAsked) -> RegistryAnswer:
        return RegistryAnswer(Registry("1", SOURCES))

    async def add(self, asked: AddClientAsked) -> ClientAdded:
        self.asked.append(asked)
        return ClientAdded(ClientRow("c1", asked.name, asked.organisation, asked.scopes), "s")

    @asynccontextmanager
    async def ways(self) -> AsyncIterator[Calls]:
        house = Direct([answer(REGISTRY, self.takes_part), answer(ADD_CLIENT, self.add)], round_trip=True)
        yield Calls("operator", {"sources": house, "identity": house})

    async def added(self, source: str = "", **more: Any) -> AddClientAsked:
        await clients.add(self.ways, "A system", "RHM", ["system/*.rs,system/List.c"], "", "refuse", source, **more)
        return self.asked[-1]


async def test_who_writes_what_is_kept_here_alone_says_which_version_an_update_replaces(capsys: pytest.CaptureFixture[str]):
    assert not (await House().added("midwives")).must_match, "the arrangement itself is looked at, at each write"
    assert "while plans of midwives are kept here alone" in capsys.readouterr().out
    assert not (await House().added("pas")).must_match
    assert not (await House().added()).must_match
    assert (await House().added("pas", must_match=True)).must_match


async def test_ids_are_the_clients_own_unless_the_operator_says_otherwise():
    house = House()
    assert (await house.added()).scopes == ("system/*.rs", "system/List.c")
    assert (await house.added()).chooses_ids
    assert not (await house.added(chooses_ids=False)).chooses_ids


async def test_a_source_that_is_not_in_the_registry_is_refused_and_nobody_is_let_in():
    house = House()
    with pytest.raises(NotAcceptable, match="no source of that id"):
        await house.added("midwifes")
    assert house.asked == []
