"""What is said to an endpoint? A number, and ids where they were asked for: the R4 form of the Subscriptions R5 Backport guide.

A subscription without a payload is posted an empty body, as FHIR R4 has it. Otherwise the body is a Bundle of type `history`,
whose only resource is a Parameters that says how it is with the subscription. Nothing else of any resource is in it.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from carerecord.kit.clock import stamp
from carerecord.subscriptions.model import FHIR_JSON, Wanted
from carerecord.subscriptions.store.queue import Notice

STATUS_PROFILE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"
BUNDLE_PROFILE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4"
_DONE: Final = {"C": ("POST", "201"), "U": ("PUT", "200"), "D": ("DELETE", "204")}


def headers(wanted: Wanted) -> dict[str, str]:
    """With what the client asked to have sent along. An empty POST has no type."""
    return {**dict(wanted.headers), **({"Content-Type": FHIR_JSON} if wanted.content else {})}


def handshake(wanted: Wanted, base: str, id_: str, numbered: int, at: datetime) -> bytes:
    """The first word: whoever answers it wants to be told."""
    return _bundle(wanted, base, id_, _status(base, id_, "requested", "handshake", numbered), (), at)


def notification(wanted: Wanted, base: str, id_: str, told: Sequence[tuple[Notice, int]], at: datetime) -> bytes:
    """That these changed, each with its number."""
    ids = wanted.content == "id-only"
    parameters = _status(base, id_, "active", "event-notification", told[-1][1])
    for notice, number in told:
        part: list[dict[str, Any]] = [
            {"name": "event-number", "valueString": str(number)},
            {"name": "timestamp", "valueInstant": stamp(notice.at)},
        ]
        if ids:
            part.append({"name": "focus", "valueReference": {"reference": f"{base}/{notice.type}/{notice.id}"}})
        parameters.append({"name": "notification-event", "part": part})
    return _bundle(wanted, base, id_, parameters, [notice for notice, _ in told] if ids else (), at)


def _status(base: str, id_: str, status: str, kind: str, numbered: int) -> list[dict[str, Any]]:
    return [
        {"name": "subscription", "valueReference": {"reference": f"{base}/Subscription/{id_}"}},
        {"name": "status", "valueCode": status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(numbered)},
    ]


def _bundle(
    wanted: Wanted, base: str, id_: str, parameters: list[dict[str, Any]], changed: Sequence[Notice], at: datetime
) -> bytes:
    if not wanted.content:
        return b""
    status = str(uuid.uuid4())
    entries: list[dict[str, Any]] = [
        {
            "fullUrl": f"urn:uuid:{status}",
            "resource": {
                "resourceType": "Parameters", "id": status, "meta": {"profile": [STATUS_PROFILE]}, "parameter": parameters,
            },
            "request": {"method": "GET", "url": f"{base}/Subscription/{id_}/$status"},
            "response": {"status": "200"},
        }
    ]  # fmt: skip
    for each in changed:
        method, answer = _DONE[each.method]
        place = each.type if method == "POST" else f"{each.type}/{each.id}"
        entries.append(
            {
                "fullUrl": f"{base}/{each.type}/{each.id}",
                "request": {"method": method, "url": place},
                "response": {"status": answer, "etag": f'W/"{each.version}"', "lastModified": stamp(each.at)},
            }
        )
    told = {"resourceType": "Bundle", "type": "history", "timestamp": stamp(at), "entry": entries}
    return orjson.dumps({**told, "meta": {"profile": [BUNDLE_PROFILE]}})
