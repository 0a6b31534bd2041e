"""Which connector speaks to this source? One window for all, that hands each source to the connector its registry table names."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from carerecord.connectors.reply import Asking, Reply
from carerecord.connectors.web_trouble import NotThere
from carerecord.contracts.records import SectionState
from carerecord.contracts.sources import Source
from carerecord.fhir.sections import SECTION_IDS


class Content(Struct, frozen=True):
    """A document itself, as its source holds it."""

    body: bytes
    content_type: str  # media type alone, lower case


class One(Struct, frozen=True):
    """One item: as R4, and where its source speaks something else, what it sent."""

    resource: bytes
    as_sent: str = ""


class Window(Protocol):
    """A connector: one protocol. `until` is a moment of the event loop's clock."""

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        """What the source holds for this person, by `until`, whatever happens. Raises nothing but cancellation."""
        ...

    async def read_one(self, about: Asking, resource_type: str, id_: str, *, until: float) -> One:
        """One item as the source holds it now, of this person, within these sections. Raises WebTrouble: it did not come."""
        ...

    async def document(self, about: Asking, reference: Mapping[str, Any], *, until: float) -> Content:
        """What a DocumentReference of this source refers to. Raises WebTrouble, Unreadable: it did not come."""
        ...

    async def attending(self, source: Source, local_id: str, *, until: float) -> tuple[Mapping[str, Any], ...]:
        """The encounters in progress there; none when it does not say so in time."""
        ...

    async def close(self) -> None: ...


class Windows:
    """All connectors by the name that the registry calls them by; itself a window."""

    def __init__(self, by_connector: Mapping[str, Window]) -> None:
        self._by_connector = by_connector

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        window = self._by_connector.get(asking.source.connector)
        if window is None:
            says = "There is no connector here that speaks to it."
            sections = tuple(SectionState(each, "no answer", says=says) for each in SECTION_IDS if each in asking.sections)
            return Reply(asking.source, "no answer", says, asking.local_ids, sections)
        return await window.ask(asking, until=until)

    async def read_one(self, about: Asking, resource_type: str, id_: str, *, until: float) -> One:
        return await self._of(about.source).read_one(about, resource_type, id_, until=until)

    async def document(self, about: Asking, reference: Mapping[str, Any], *, until: float) -> Content:
        return await self._of(about.source).document(about, reference, until=until)

    async def attending(self, source: Source, local_id: str, *, until: float) -> tuple[Mapping[str, Any], ...]:
        window = self._by_connector.get(source.connector)
        return await window.attending(source, local_id, until=until) if window else ()

    async def close(self) -> None:
        for window in self._by_connector.values():
            await window.close()

    def _of(self, source: Source) -> Window:
        window = self._by_connector.get(source.connector)
        if window is None:
            raise NotThere("There is no connector here that speaks to it.")
        return window
