"""Which types can a source be searched for? Its own statement says, kept for an hour: what it lacks is not asked for."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson

from carerecord.connectors.site import Site
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import WebTrouble
from carerecord.contracts.sources import Source

KEPT_S, TRIED_AGAIN_S = 3_600.0, 60.0
WITHIN_S = 8.0
MOST_BYTES = 5_000_000


class Offers:
    """What each source offers, by address. No person, no content: only the names of types."""

    def __init__(self, web: Web, *, ticking: Callable[[], float] = time.monotonic) -> None:
        self._web, self._ticking = web, ticking
        self._kept: dict[Site, tuple[frozenset[str] | None, float]] = {}
        self._reading: dict[Site, asyncio.Task[None]] = {}

    def types(self, source: Source) -> frozenset[str] | None:
        """The types that it can be searched for; None while that is not known: then all are asked. Never waits."""
        site = Site.of(source)
        types, until = self._kept.get(site, (None, 0.0))
        if until <= self._ticking() and site not in self._reading:
            task = asyncio.create_task(self._read(site), name=f"capability of {source.id}")
            self._reading[site] = task
            task.add_done_callback(lambda _: self._reading.pop(site, None))
        return types

    async def close(self) -> None:
        reading = list(self._reading.values())
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def _read(self, site: Site) -> None:
        known = self._kept.get(site, (None, 0.0))[0]
        try:
            until = asyncio.get_running_loop().time() + WITHIN_S
            answered = await self._web.get(site, "metadata", until=until, most_bytes=MOST_BYTES)
            found = searched_types(orjson.loads(answered.body)) if answered.ok else None
        except (WebTrouble, orjson.JSONDecodeError):
            found = None
        # What it said last still holds while it is silent; a statement that names nothing is none.
        kept_s = KEPT_S if found else TRIED_AGAIN_S
        self._kept[site] = found or known, self._ticking() + kept_s


def searched_types(statement: Any) -> frozenset[str]:
    """The types with a search interaction in a CapabilityStatement; empty for anything else."""
    if not isinstance(statement, dict) or statement.get("resourceType") != "CapabilityStatement":
        return frozenset()
    return frozenset(
        resource["type"]
        for rest in _dicts(statement.get("rest"))
        for resource in _dicts(rest.get("resource"))
        if isinstance(resource.get("type"), str)
        and any(each.get("code") == "search-type" for each in _dicts(resource.get("interaction")))
    )


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
