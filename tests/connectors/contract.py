"""What must any connector do? One set of tests, over a real HTTP server that a test plays; each connector brings its `Played`.

A new connector passes these before anything else: add its `Played` to `CONNECTORS` in `test_contract.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from carerecord.connectors.reply import Asking, Expected, Reply
from carerecord.connectors.web import Web
from carerecord.connectors.windows import Window
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.records import SectionState
from carerecord.contracts.sources import Source
from carerecord.region.servers.http import Answer, Asked, Listener

NHS_NUMBER, OTHER_NUMBER = "9990000018", "9990000026"
EXPECTED = Expected(NHS_NUMBER, "1948-06-19", "Marlow", "Edith", "female")
ACTOR = Actor("https://idp.example", "1", "Dr Priya Nair", Role("1", "emergency-doctor", "A&E doctor", "R9A", "Aldermoor"))
MEANS_NOTHING_IS_MISSING = frozenset({"live", "not recorded", "none held"})


@dataclass
class Held:
    """What the played source holds and does, as a test says it."""

    number: str = NHS_NUMBER  # whose answer it gives
    born: str = "1948-06-19"
    known: bool = True
    items: int = 3  # in the section that is asked for
    broken: int = 0  # of them, cannot be read
    endless: bool = False  # every page names another


@dataclass(frozen=True)
class Played:
    """One connector and the source that is played for it. `plays` answers one request, of what is held."""

    connector: str
    window: Callable[[Web], Window]
    source: Callable[[str], Source]  # by the server's address
    plays: Callable[[Asked, Held], Answer]
    section: str  # in which the items are
    other_section: str  # another that it could be asked for
    local_id: str  # the source's own number of the person, "" where it is asked by NHS number alone
    pages: bool = True  # whether its answers come in pages
    unknown: str = "none held"  # its state for somebody whom it does not know
    is_who: Callable[[Asked], bool] = lambda _: False  # whether a request asks who the person is, and nothing more


@dataclass
class World:
    """The source is up; `mischief` answers first, and lets pass what it returns None for."""

    played: Played
    listener: Listener
    web: Web
    window: Window
    source: Source
    held: Held
    asked: list[Asked] = field(default_factory=list)
    mischief: Callable[[Asked], Answer | None] = lambda _: None

    async def ask(self, *sections: str, known: bool = True, within_s: float = 5.0, **source: Any) -> Reply:
        ids = (self.played.local_id,) if known and self.played.local_id else ()
        wanted = frozenset(sections or (self.played.section,))
        asking = Asking(replace(self.source, **source), ids, wanted, EXPECTED, ACTOR, self.source.organisation)
        return await self.window.ask(asking, until=asyncio.get_running_loop().time() + within_s)

    @property
    def addresses(self) -> str:
        return "\n".join(f"{each.path}?{each.query}" for each in self.asked)


@asynccontextmanager
async def a_world(played: Played, **held: Any) -> AsyncIterator[World]:
    listener = Listener(lambda _: world_answer(_))
    await listener.listen()
    web = Web(lambda _: "secret")
    window = played.window(web)
    world = World(played, listener, web, window, played.source(listener.address), Held(**held))

    def world_answer(asked: Asked) -> Answer:
        world.asked.append(asked)
        answer = world.mischief(asked)
        return played.plays(asked, world.held) if answer is None else answer

    try:
        yield world
    finally:
        await window.close()
        await web.close()
        await listener.refuse()
    if listener.faults:
        raise listener.faults[0]


def state_of(reply: Reply, section: str) -> SectionState:
    return next(each for each in reply.sections if each.section == section)
