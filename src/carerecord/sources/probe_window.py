"""Does a source answer that is no FHIR server? Asked exactly as an opening asks it, about a number that belongs to nobody."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from carerecord.connectors.documents import Documents
from carerecord.connectors.reply import Asking, Expected
from carerecord.connectors.rest_json import RestJson
from carerecord.connectors.web import Web
from carerecord.connectors.windows import Window
from carerecord.contracts.sources import Check, Probe, Source
from carerecord.fhir.facts import Facts
from carerecord.fhir.reading import read
from carerecord.kit.clock import SystemClock
from carerecord.sources.arrangements import ASKED

PATIENCE_S: Final = 10.0
NOBODY: Final = Expected("9990000018", "1900-01-01", "Probe", "Test")  # of the range that is kept for tests
_ANSWERS: Final = frozenset({"live", "not recorded", "none held"})
_ADVICE: Final = "Check `address`, `credentials` and, for rest_json, the mapping: `carerecord sources try-mapping FILE`."


async def probe_window(source: Source, secret: Callable[[str], str]) -> Probe:
    """Read and let go, as any probe. A source that knows people by its own numbers alone is not asked about anybody."""
    web, began = Web(secret), time.perf_counter()
    window: Window = (RestJson if source.connector == "rest_json" else Documents)(web, SystemClock(), _read)
    sections = frozenset(each.section for each in source.sections if each.arrangement in ASKED)
    try:
        until = asyncio.get_running_loop().time() + PATIENCE_S
        if source.knows_by == "local":
            says = "It knows people by its own numbers alone, so a probe has nobody to ask about. Open a test patient's record."
            return Probe(source.id, False, (Check("a person", False, says),))
        reply = await window.ask(Asking(source, (), sections, NOBODY), until=until)
    finally:
        await window.close()
        await web.close()
    ok = reply.state in _ANSWERS
    says = f"It answers ({reply.state})." if ok else f"{reply.says} {_ADVICE}".strip()
    checks = [Check("a person by NHS number", ok, says, time.perf_counter() - began)]
    checks += [
        Check(each.section, each.state in _ANSWERS, f"{each.state}{f': {each.says}' if each.says else ''}")
        for each in reply.sections
        if reply.local_ids
    ]
    return Probe(source.id, all(each.ok for each in checks), tuple(checks))


def _read(raw: bytes, beside: Mapping[str, Mapping[str, Any]]) -> Facts:
    return read(raw, beside)
