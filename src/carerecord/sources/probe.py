"""Can this source be reached, and does it answer for what it says it shares? In plain words, with what to do."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from carerecord.connectors.certificate import certificate_of
from carerecord.connectors.site import Site
from carerecord.connectors.web import Answered, Web
from carerecord.connectors.web_trouble import CutShort, Denied, Elsewhere, NoAnswer, NotTrusted, TooLarge, WebTrouble
from carerecord.contracts.sources import Check, Probe, Source
from carerecord.fhir.bundle import split
from carerecord.fhir.errors import FhirError
from carerecord.fhir.sections import SECTIONS
from carerecord.sources.arrangements import ASKED, NONE
from carerecord.sources.probe_practice import probe_practice
from carerecord.sources.probe_window import probe_window

PATIENCE_S = 10.0

# What an engineer can do about each kind of trouble.
ADVICE: dict[type[WebTrouble], str] = {
    NoAnswer: "Check `address`, that the system is up, and that its firewall lets this host in.",
    NotTrusted: "Check the certificate at the other end, or set `ca_file` to the authority that issued it.",
    TooLarge: "Ask for smaller pages (`page_size`), or raise `most_bytes`.",
    CutShort: "The system or a proxy before it closes connections early; look at its log at this time.",
    Elsewhere: "Set `address` to where it really answers.",
    Denied: "Check `client_id`, `token_address` and the secret that `credentials` names.",
}


@dataclass
class _Prober:
    web: Web
    source: Source
    site: Site
    checks: list[Check] = field(default_factory=list)

    def until(self) -> float:
        return asyncio.get_running_loop().time() + PATIENCE_S

    async def check(
        self, what: str, asking: Callable[[], Awaitable[Answered]], read: Callable[[dict[str, Any], bytes], str]
    ) -> Any:
        """Ask, and write down how it went; the document when it went well, else None."""
        began = time.perf_counter()
        try:
            answered = await asking()
            if not answered.ok:
                raise _Wrong(_status_words(answered.status))
            document = _document(answered)
            says = read(document, answered.body)
        except WebTrouble as error:
            self._wrong(what, f"{error.says} {ADVICE[type(error)]}", began)
        except (_Wrong, FhirError) as error:
            self._wrong(what, str(error), began)
        else:
            self.checks.append(Check(what, True, says, time.perf_counter() - began))
            return document
        return None

    def _wrong(self, what: str, says: str, began: float) -> None:
        self.checks.append(Check(what, False, says, time.perf_counter() - began))


class _Wrong(Exception):
    """An answer came and is not what it should be."""


async def probe(source: Source, secret: Callable[[str], str]) -> Probe:
    """Connect, read the capability statement, find a test patient, and try each section that the source shares.

    Reads; never writes. What is read is looked at and let go. The certificate that it shows comes with the report.
    """
    if source.connector == NONE:
        says = "It sends what it holds and is not asked, so a probe reaches nobody. Look that what it sends is filed and opens."
        return Probe(source.id, True, (Check("who sends", True, says),))
    certificate, found = await asyncio.gather(certificate_of(Site.of(source), within_s=PATIENCE_S), _checked(source, secret))
    return replace(found, certificate=certificate)


async def _checked(source: Source, secret: Callable[[str], str]) -> Probe:
    if source.connector == "gp_connect":
        return await probe_practice(source, secret)
    if source.connector in ("rest_json", "documents"):
        return await probe_window(source, secret)
    if source.connector != "fhir_r4":
        return await _probe_pds(source, secret)
    web = Web(secret)
    try:
        prober = _Prober(web, source, Site.of(source))
        if await prober.check(
            "capability statement", lambda: web.get(prober.site, "metadata", until=prober.until()), _capability
        ):
            bundle = await prober.check(
                "a test patient",
                lambda: web.get(prober.site, "Patient", params=(("_count", "1"),), until=prober.until()),
                _one_patient,
            )
            patient = _first_id(bundle)
            if patient:
                await _try_sections(prober, patient)
    finally:
        await web.close()
    return Probe(source.id, bool(prober.checks) and all(each.ok for each in prober.checks), tuple(prober.checks))


async def _try_sections(prober: _Prober, patient: str) -> None:
    for shared in prober.source.sections:
        if shared.arrangement not in ASKED:
            continue
        for search in SECTIONS[shared.section].searches if shared.section in SECTIONS else ():
            form = (("patient", patient), ("_count", "1"), *search.params)
            await prober.check(
                f"{shared.section}: {search.type}",
                lambda type_=search.type, form_=form: prober.web.post(  # type: ignore[misc]
                    prober.site, f"{type_}/_search", form=form_, until=prober.until()
                ),
                _a_bundle,
            )


async def _probe_pds(source: Source, secret: Callable[[str], str]) -> Probe:
    """PDS has no capability statement: that it refuses an ill-formed number in its own words shows that it answers us."""
    web = Web(secret)
    site, began = Site.of(source), time.perf_counter()
    try:
        answered = await web.get(site, "Patient/9000000000", until=asyncio.get_running_loop().time() + PATIENCE_S)
        reached = answered.status in (200, 400, 404)
        says = "It answers." if reached else _status_words(answered.status)
    except WebTrouble as error:
        reached, says = False, f"{error.says} {ADVICE[type(error)]}"
    finally:
        await web.close()
    return Probe(source.id, reached, (Check("an answer", reached, says, time.perf_counter() - began),))


def _document(answered: Answered) -> dict[str, Any]:
    try:
        document = json.loads(answered.body)
    except ValueError:
        raise _Wrong(
            f"It answered with {answered.content_type or 'something'} that is not JSON. Check that `address` is the FHIR base."
        ) from None
    if not isinstance(document, dict):
        raise _Wrong("It answered with JSON that is not a FHIR resource.")
    return document


def _capability(document: dict[str, Any], _: bytes) -> str:
    if document.get("resourceType") != "CapabilityStatement":
        raise _Wrong("It has no capability statement at /metadata. Check that `address` is the FHIR base.")
    version = str(document.get("fhirVersion", ""))
    if not version.startswith("4.0"):
        raise _Wrong(f"It speaks FHIR {version or 'of no stated version'}; the connector fhir_r4 needs 4.0.")
    software = document.get("software")
    name = software.get("name", "") if isinstance(software, dict) else ""
    return f"FHIR {version}{f', {name}' if name else ''}"


def _one_patient(document: dict[str, Any], _: bytes) -> str:
    if not _first_id(document):
        raise _Wrong("It lists no patients to us, so its people cannot be enrolled. Ask for the Patient search to be opened.")
    return "found"


def _a_bundle(_: dict[str, Any], body: bytes) -> str:
    bundle = split(body)
    return f"answers ({len(bundle.entries)} for the test patient{', more follow' if bundle.next else ''})"


def _first_id(document: dict[str, Any] | None) -> str:
    for entry in (document or {}).get("entry") or []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
            return str(resource.get("id", ""))
    return ""


def _status_words(status: int) -> str:
    if status in (401, 403):
        return f"It refused us ({status}). {ADVICE[Denied]}"
    if status == 404:
        return "It does not know this (404). Check that `address` is the FHIR base, or take the section away from `sections`."
    if status == 429:
        return "It says that we ask too often (429). Try again later, or ask for a higher limit."
    return f"It answered {status}. Its own log at this time tells why."
