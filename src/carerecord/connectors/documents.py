"""How are a document registry's documents found, and opened? By IHE MHD (FHIR) or XDS.b (SOAP), as the source's `asks` says.

What is listed appears at once, with author, date, type, format and confidentiality; a document itself is fetched when opened.
"""

import time
from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec

from carerecord.connectors import documents_xds
from carerecord.connectors.documents_xds import HELD, XdsTalk
from carerecord.connectors.fhir_content import content_of
from carerecord.connectors.fhir_r4 import FhirR4, FhirTalk
from carerecord.connectors.fhir_r4_asks import searches
from carerecord.connectors.fhir_r4_take import Read
from carerecord.connectors.reply import Asking, Reply
from carerecord.connectors.talk import Lost, complete
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import NoAnswer, NotThere
from carerecord.connectors.windows import Content, One
from carerecord.contracts.sources import Source
from carerecord.fhir.sections import Search
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.turns import Turns


class Documents:
    """The window to every document registry."""

    def __init__(self, web: Web, clock: Clock, read: Read, turns: Turns | None = None) -> None:
        self._web, self._clock, self._read = web, clock, read
        self._turns = turns or Turns()
        self._fhir = FhirR4(web, clock, read, self._turns)

    async def close(self) -> None:
        await self._fhir.close()

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        """What `asking.source` lists for this person, by `until` (event loop's clock). Raises nothing but cancellation."""
        began = time.perf_counter()
        reply = await self._talk(asking, until).through()
        return msgspec.structs.replace(
            reply, elapsed_s=time.perf_counter() - began, as_at=stamp(self._clock.now()), sections=complete(reply, asking)
        )

    async def read_one(self, about: Asking, resource_type: str, id_: str, *, until: float) -> One:
        """Raises WebTrouble: it did not come."""
        if about.source.asks != "xds":
            return await self._fhir.read_one(about, resource_type, id_, until=until)
        talk = self._talk(about, until)
        reply = await talk.through()
        if isinstance(talk, XdsTalk) and resource_type == "DocumentReference" and (one := talk.one(id_)):
            return one
        if reply.state in ("live", "not recorded", "none held"):
            raise NotThere("It no longer lists this document.")
        raise NoAnswer(reply.says or "It did not answer.")

    async def document(self, about: Asking, reference: Mapping[str, Any], *, until: float) -> Content:
        if about.source.asks == "xds":
            return await documents_xds.document(self._web, self._turns, about, reference, until)
        return await content_of(self._web, about.source, reference, until=until)

    async def attending(self, source: Source, local_id: str, *, until: float) -> tuple[Mapping[str, Any], ...]:
        return ()

    def _talk(self, asking: Asking, until: float) -> "XdsTalk | _MhdTalk":
        told = (self._web, asking, until, self._read, self._turns, stamp(self._clock.now()))
        return XdsTalk(*told) if asking.source.asks == "xds" else _MhdTalk(*told, None)


class _MhdTalk(FhirTalk):
    """ITI-67 asks with POST, so that nobody stands in an address; `status` is always said, as MHD wants it."""

    def _questions(self, local_id: str) -> list[Coroutine[Any, Any, None]]:
        self._lose(self._asking.sections - HELD, Lost("not shared", "It holds documents alone."))
        wanted = searches(self._asking.sections & HELD, frozenset({"DocumentReference"}))
        asked = [
            Search(each.type, (("status", "current"), *each.params)) for each in wanted if each.type == "DocumentReference"
        ]
        return [self._who(local_id), *(self._search(local_id, search) for search in asked)]
