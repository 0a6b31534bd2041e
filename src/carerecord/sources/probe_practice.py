"""Can a practice that speaks GP Connect be asked? The directory says; no person's record is asked for to find out."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from carerecord.connectors.gp_connect_asks import BINARY, DOCUMENTS, HTML, STRUCTURED
from carerecord.connectors.sds import NotListed, Sds
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import WebTrouble
from carerecord.contracts.sources import Check, Probe, Source

PATIENCE_S: Final = 10.0
_LISTED: Final = (
    ("the structured record", STRUCTURED, "It is asked for pages instead, where the directory lists those."),
    ("documents", DOCUMENTS, "Take documents away from `sections`, or ask the practice's supplier to switch them on."),
    ("a document itself", BINARY, "Take documents away from `sections`, or ask the practice's supplier to switch them on."),
    ("pages (HTML)", HTML, "Nothing is lost where the structured record is listed."),
)
_DIRECTORY: Final = "Check `address`, the secret that `credentials` names, and that this host may reach the directory."


async def probe_practice(source: Source, secret: Callable[[str], str]) -> Probe:
    """What the directory lists for this practice. Of a table for any practice: that the directory answers at all."""
    web, checks = Web(secret), []
    sds = Sds(web, secret)
    wanted = [each for each in _LISTED if source.shares("documents") or each[1] not in (DOCUMENTS, BINARY)]
    try:
        for what, interaction, advice in wanted[:1] if source.any_practice else wanted:
            began, until = time.perf_counter(), asyncio.get_running_loop().time() + PATIENCE_S
            ok, says = True, "The directory says where it is answered."
            try:
                await sds.find(source, source.organisation, interaction, until=until)
            except NotListed as none:
                ok = source.any_practice
                says = "The directory answers." if source.any_practice else f"{none.says} {advice}"
            except WebTrouble as trouble:
                ok, says = False, f"{trouble.says} {_DIRECTORY}"
            checks.append(Check(what, ok, says, time.perf_counter() - began))
    finally:
        await web.close()
    # A record of either kind is enough; documents are wanted where they are shared.
    found = {interaction for check, (_, interaction, _) in zip(checks, wanted, strict=False) if check.ok}
    whole = bool(found & {STRUCTURED, HTML}) and (source.any_practice or not source.shares("documents") or DOCUMENTS in found)
    return Probe(source.id, whole, tuple(checks))
