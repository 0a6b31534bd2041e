"""Which system of this organisation answers this interaction, and where? Asked of the Spine Directory Service (FHIR R4).

Source: NHSDigital/spine-directory-service-api and clinical-data-gateway-api: `Device` gives the accredited system (ASID) and its
party key, `Endpoint` the address, both searched by organisation and interaction. Answers are kept for a while, as it asks.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from carerecord.connectors.site import Pairs, Site
from carerecord.connectors.web import Answered, Web
from carerecord.connectors.web_trouble import Denied, NoAnswer, NotThere
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import parse, split
from carerecord.fhir.codes import dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.kit.errors import BadSetting

ODS: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
INTERACTION: Final = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
ASID: Final = "https://fhir.nhs.uk/Id/nhsSpineASID"
PARTY_KEY: Final = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
KEPT_S: Final = 600.0
MOST_BYTES: Final = 1_000_000


class Reached(Struct, frozen=True):
    """Where an organisation's system answers one interaction."""

    asid: str
    endpoint: str  # its FHIR base


class NotListed(NotThere):
    """The directory knows no system of this organisation that answers this interaction."""


class Sds:
    """The window to the directory. It keeps addresses and nothing about people. `secret` gives the value of a named secret."""

    def __init__(self, web: Web, secret: Callable[[str], str], *, ticking: Callable[[], float] = time.monotonic) -> None:
        self._web, self._secret, self._ticking = web, secret, ticking
        self._kept: dict[tuple[str, str, str], tuple[Reached, float]] = {}

    async def find(self, source: Source, organisation: str, interaction: str, *, until: float) -> Reached:
        """Where `organisation` answers `interaction`; `source.address` is the directory, `credentials` names its apikey.

        Raises:
            NotListed: it has no such system. WebTrouble: the directory does not say so in time.
        """
        key = (source.address, organisation, interaction)
        kept = self._kept.get(key)
        if kept and kept[1] > self._ticking():
            return kept[0]
        about: Pairs = (("organization", f"{ODS}|{organisation}"), ("identifier", f"{INTERACTION}|{interaction}"))
        device = await self._first(source, "Device", about, until)
        asid, party = _identifier(device, ASID), _identifier(device, PARTY_KEY)
        by_party: Pairs = (("identifier", f"{PARTY_KEY}|{party}"),) if party else ()
        endpoint = text_in(await self._first(source, "Endpoint", (*about, *by_party), until), "address").strip()
        if not asid or not endpoint.startswith(("https://", "http://")):
            raise NotListed("The directory lists this practice without saying where it answers.")
        found = Reached(asid, endpoint.rstrip("/"))
        self._kept[key] = found, self._ticking() + KEPT_S
        return found

    def forget(self, source: Source, organisation: str) -> None:
        """What was listed did not answer as listed: it may have moved, so it is looked up anew next time."""
        for key in [each for each in self._kept if each[:2] == (source.address, organisation)]:
            del self._kept[key]

    async def _first(self, source: Source, kind: str, params: Pairs, until: float) -> dict[str, Any]:
        site = Site(source.address, ca_file=source.ca_file, certificate_file=source.certificate_file)
        try:
            headers: Pairs = (("apikey", self._secret(source.credentials)),) if source.credentials else ()
        except BadSetting:
            raise Denied("Our key for the directory of practices is missing here.") from None

        async def ask() -> Answered:
            return await self._web.get(site, kind, params=params, headers=headers, until=until, most_bytes=MOST_BYTES)

        answered = await self._web.patiently(ask, until=until)
        if answered.status in (401, 403):
            raise Denied("The directory of practices does not accept our key.")
        if not answered.ok and answered.status not in (400, 404):
            raise NoAnswer("The directory of practices does not answer.")
        try:
            entries = split(answered.body).entries if answered.ok else ()
            found = next((parse(each.raw) for each in entries if each.type == kind), None)
        except Unreadable:
            raise NoAnswer("The directory of practices answers with something that cannot be read.") from None
        if found is None:
            raise NotListed("The directory lists no such record of this practice.")
        return found


def _identifier(resource: dict[str, Any], system: str) -> str:
    return next((text_in(each, "value") for each in dicts_in(resource, "identifier") if text_in(each, "system") == system), "")
