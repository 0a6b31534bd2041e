"""How is an answer written? Spliced from the bytes that are kept: nothing that a resource says passes through a parser again."""

from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from carerecord.contracts.holdings import Held, Issue

FHIR_JSON: Final = "application/fhir+json"
NOT_STORED: Final = (b"cache-control", b"no-store")
_TYPE: Final = (b"content-type", FHIR_JSON.encode())


class Written(Response):
    """FHIR in JSON, its headers written once."""

    def __init__(self, body: bytes, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), _TYPE, NOT_STORED, *headers]

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def resource(held: Held, base: str, *, status: int = 200, text: bytes | None = None) -> Response:
    """One resource with its version and time, in headers too."""
    told = _stamps(held)
    if status == 201:
        told.append((b"location", f"{base}/{held.type}/{held.id}/_history/{held.version}".encode("latin-1")))
    return Written(held.text if text is None else text, status, told)


def stamped(response: Response, held: Held) -> None:
    response.raw_headers.extend(_stamps(held))


def _stamps(held: Held) -> list[tuple[bytes, bytes]]:
    return [(b"etag", b'W/"%d"' % held.version), (b"last-modified", http_date(held.at).encode())]


def http_date(at: str) -> str:
    """A moment of ours (UTC, to the millisecond) as HTTP writes it."""
    return f"{_day(at[:10])} {at[11:19]} GMT"


@lru_cache(4_096)
def _day(day: str) -> str:
    return format_datetime(datetime.fromisoformat(f"{day}T00:00:00+00:00"), usegmt=True)[:16]


def outcome(status: int, *issues: Issue) -> Response:
    return Written(written(issues), status)


def written(issues: Iterable[Issue]) -> bytes:
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [_issue(each) for each in issues]})


def _issue(issue: Issue) -> dict[str, Any]:
    told: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.says}
    if issue.path:
        told["expression"] = [issue.path]
    return told


def bundle(kind: str, entries: Iterable[bytes], links: Iterable[tuple[str, str]] = (), *, total: int | None = None) -> bytes:
    """A Bundle around entries that are written already. FHIR knows no empty list: where there is nothing, nothing is said."""
    head: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        head["total"] = total
    if told := [{"relation": relation, "url": url} for relation, url in links]:
        head["link"] = told
    within = b",".join(entries)
    return orjson.dumps(head)[:-1] + (b',"entry":[' + within + b"]}" if within else b"}")


def entries(
    helds: Iterable[Held], base: str, mode: str, trim: Callable[[bytes], bytes] | None = None
) -> list[bytes]:
    """Entries of a searchset. Types and ids have no letter that JSON escapes."""
    head = b'{"fullUrl":' + orjson.dumps(f"{base}/")[:-1]
    tail = b',"search":{"mode":"%s"}}' % mode.encode()
    return [
        b'%s%s/%s","resource":%s%s' % (head, each.type.encode(), each.id.encode(), trim(each.text) if trim else each.raw, tail)
        for each in helds
    ]


def outcome_entry(issues: Iterable[Issue]) -> bytes:
    return b'{"resource":' + written(issues) + b',"search":{"mode":"outcome"}}'


def response(status: int, held: Held | None, place: str = "") -> bytes:
    """What a batch or transaction says of one of its entries."""
    told = {"status": str(status)}
    if place:
        told["location"] = place
    if held is not None:
        told |= {"etag": f'W/"{held.version}"', "lastModified": held.at}
    return orjson.dumps(told)


def refused_entry(status: int, issues: Iterable[Issue]) -> bytes:
    return b'{"response":{"status":"%d","outcome":' % status + written(issues) + b"}}"


def history_entry(held: Held, base: str) -> bytes:
    """One entry of a history: what was asked then, and what came of it."""
    created = held.version == 1
    told: dict[str, Any] = {
        "request": {"method": held.method, "url": f"{held.type}" if created else f"{held.type}/{held.id}"},
        "response": {
            "status": "204" if held.gone else "201" if created else "200",
            "etag": f'W/"{held.version}"',
            "lastModified": held.at,
        },
    }
    head = b'{"fullUrl":' + orjson.dumps(f"{base}/{held.type}/{held.id}")
    body = b"" if held.gone else b',"resource":' + held.text
    return head + body + b"," + orjson.dumps(told)[1:]
