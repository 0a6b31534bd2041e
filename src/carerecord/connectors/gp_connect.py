"""How is a GP practice asked about one person by GP Connect? Looked up in the directory, asked for areas, converted to R4.

`ask` always comes back by its deadline with a `Reply`. A practice that gives no record, or keeps it back at the person's wish,
has a state of its own: neither is "nothing recorded".
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from carerecord.connectors.fhir_r4_take import Read
from carerecord.connectors.gp_connect_talk import GpTalk, Spine
from carerecord.connectors.reply import Asking, Reply
from carerecord.connectors.sds import Sds
from carerecord.connectors.talk import complete
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import NotThere
from carerecord.connectors.windows import Content, One
from carerecord.contracts.sources import Source
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.turns import Turns


class GpConnect:
    """The window to every practice that speaks GP Connect. `read` validates and reads one R4 resource; it raises Unreadable."""

    def __init__(self, web: Web, clock: Clock, read: Read, secret: Callable[[str], str], turns: Turns | None = None) -> None:
        self._clock, self._read, self._turns = clock, read, turns or Turns()
        self._spine = Spine(web, Sds(web, secret), clock)

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        """What the practice gives for this person, by `until` (event loop's clock). Raises nothing but cancellation."""
        began = time.perf_counter()
        reply = await self._talk(asking, until).through()
        return replace(
            reply, elapsed_s=time.perf_counter() - began, as_at=stamp(self._clock.now()), sections=complete(reply, asking)
        )

    async def read_one(self, about: Asking, resource_type: str, id_: str, *, until: float) -> One:
        """One item as R4, and as the practice sent it. GP Connect reads no single items, so its area is asked for again.

        Raises:
            NotThere: the practice gives no such item now.
        """
        talk = self._talk(about, until)
        await talk.through()
        return talk.found(resource_type, id_)

    async def document(self, about: Asking, reference: Mapping[str, Any], *, until: float) -> Content:
        """The document that a DocumentReference speaks of, by Access Document.

        Raises:
            WebTrouble: it did not come. Unreadable: it is not what its DocumentReference says.
        """
        if about.actor is None:
            raise NotThere("A practice is asked on behalf of a named person alone.")
        return await self._talk(about, until).document(reference)

    async def attending(self, source: Source, local_id: str, *, until: float) -> tuple[Mapping[str, Any], ...]:
        """GP Connect does not say who is in the surgery now."""
        return ()

    async def close(self) -> None:
        """Nothing is kept open here: what goes over the web is closed with it."""

    def _talk(self, asking: Asking, until: float) -> GpTalk:
        return GpTalk(self._spine, asking, until, self._read, self._turns, stamp(self._clock.now()))
