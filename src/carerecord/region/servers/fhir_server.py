"""How does one pretend system answer as a FHIR R4 server? Its routes, its pages, and its habits on top."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from carerecord.region.servers.capability import capability
from carerecord.region.servers.clients import Clients
from carerecord.region.servers.habits import Habit, Habits, failure, spoiled
from carerecord.region.servers.http import Answer, Asked, Reply
from carerecord.region.servers.matching import match
from carerecord.region.servers.search import Cursors, NotSearchable, bundle, chosen, patient_of, patients
from carerecord.region.servers.shelf import Item, Shelf, item_of
from carerecord.region.shapes import Holding, System

BASE = "/fhir"
_AT_MOST = 500
_BROKEN_ENTRY = (
    b'{"resource":{"resourceType":"Observation","id":"broken",'
    b'"status":42,"code":"not a concept","effectiveDateTime":"yesterday"}}'
)


@dataclass(frozen=True)
class Request:
    """What is asked for, once the path is understood."""

    type: str = ""
    name: str = ""
    operation: str = ""
    query: tuple[tuple[str, str], ...] = ()
    patient: str = ""  # the one patient that it is about
    enrolment: bool = False  # metadata, or paging through Patient


class FhirServer:
    """One system: its shelf, its clients, its habits. `address` is the root of its listener."""

    def __init__(
        self,
        system: System,
        holdings: Sequence[Holding],
        address: str,
        *,
        habits: Sequence[Habit] = (),
        latency_s: float | None = None,
        secret: str = "",
        prepared: Mapping[str, bytes] | None = None,
    ) -> None:
        self.system, self.base = system, address + BASE
        self.habits = Habits(system.key, habits)
        self.clients = Clients("carerecord", secret)
        self.asked: list[Asked] = []
        self._shelf = Shelf(self.base, holdings, system)
        self._cursors = Cursors()
        self._latency_s = system.latency_s if latency_s is None else latency_s
        self._spread = 0.2 if latency_s is None else 0.0
        self._pace = random.Random(system.key)
        self._prepared = prepared

    def __call__(self, asked: Asked) -> Answer | asyncio.Future[Answer]:
        self.asked.append(asked)
        del self.asked[:-2000]
        if asked.path == "/oauth/token":
            return self.clients.token(asked)
        request = self._understood(asked)
        if request is None:
            return failure(404, "There is no such place here.")
        met = self.habits.touching(
            patient=request.patient, type=request.type, enrolment=request.enrolment, request=asked.headers.get("x-request-id", "")
        )
        # "Takes six seconds" means six, not six more than usual.
        slow = (self._varied(habit.seconds, habit.spread) for habit in met if habit.kind == "slow")
        wait_s = max([self._wait(request), *slow])
        if wait_s <= 0:
            return self._reply(asked, request, met)
        return asyncio.ensure_future(self._after(wait_s, asked, request, met))

    async def _after(self, wait_s: float, asked: Asked, request: Request, met: tuple[Habit, ...]) -> Answer:
        await asyncio.sleep(wait_s)
        return self._reply(asked, request, met)

    def _wait(self, request: Request) -> float:
        """The usual latency, give or take a fifth. Enrolment pages are quick: nobody waits in front of them."""
        if request.enrolment or self._latency_s <= 0:
            return 0.0
        return self._varied(self._latency_s, self._spread)

    def _varied(self, seconds: float, spread: float) -> float:
        return seconds * self._pace.uniform(1 - spread, 1 + spread)

    def _reply(self, asked: Asked, request: Request, met: tuple[Habit, ...]) -> Answer:
        open_to_all = request.operation == "metadata"
        if self.system.needs_token and not open_to_all and not self.clients.knows(asked):
            return failure(401, "A token of this system's own token address is needed.")
        if self._prepared is not None and (body := self._prepared.get(request.type, self._prepared.get("*"))) is not None:
            reply = Reply(body)
        else:
            try:
                reply = self._good(asked, request, {habit.kind: habit for habit in met})
            except NotSearchable as error:
                reply = failure(400, str(error), code="not-supported")
        answer: Answer = reply
        for habit in met:
            if isinstance(answer, Reply):
                answer = spoiled(habit, answer)
        return answer

    # understanding

    def _understood(self, asked: Asked) -> Request | None:
        if asked.path == BASE and (token := asked.value("_getpages")):
            return self._page_request(token)
        if not asked.path.startswith(BASE + "/"):
            return None
        parts = asked.path[len(BASE) + 1 :].strip("/").split("/")
        query = asked.query
        if asked.method == "POST" and parts[-1] == "_search":
            query = (*query, *asked.form.items())
            parts.pop()
        if parts == ["metadata"]:
            return Request(operation="metadata", enrolment=True)
        if parts == ["_page"]:
            return self._page_request(asked.value("at"))
        kind = parts[0]
        if len(parts) == 1:
            return self._search_request(kind, query)
        if parts[1:] == ["$match"]:
            return Request(kind, operation="match")
        if len(parts) == 2:
            return Request(kind, parts[1], query=query, patient=self._shelf.whose(kind, parts[1]))
        if kind == "Patient" and parts[2:] == ["$everything"]:
            return Request(kind, parts[1], "everything", query, parts[1])
        return None

    def _search_request(self, kind: str, query: tuple[tuple[str, str], ...]) -> Request:
        if kind == "Patient":
            names = {name for name, _ in query}
            paging = names <= {"_count", "_lastUpdated", "_sort", "_total", "_format"}
            about = next((found[0] for name, value in query if name == "identifier" and (found := self._known(value))), "")
            about = about or next((value for name, value in query if name == "_id"), "")
            return Request(kind, operation="search", query=query, patient=about, enrolment=paging)
        who = patient_of(self._shelf, query)
        return Request(kind, operation="search", query=query, patient=who[0] if who else "")

    def _known(self, token: str) -> list[str]:
        system, _, number = token.rpartition("|")
        return self._shelf.known_as(system, number)

    def _page_request(self, token: str) -> Request:
        kept = self._cursors.get(token)
        first = kept[0][0] if kept and kept[0] else None
        if first is None:
            return Request(name=token, operation="page")
        whose = self._shelf.whose(first.type, first.id)
        several = first.type == "Patient" and kept is not None and all(item.type == "Patient" for item in kept[0])
        return Request(first.type, token, "page", patient="" if several else whose, enrolment=several)

    # answering

    def _good(self, asked: Asked, request: Request, met: Mapping[str, Habit]) -> Reply:
        match request.operation:
            case "metadata":
                return Reply(orjson.dumps(capability(self.system, self.base, self._shelf.types)))
            case "page":
                return self._next_page(asked, request, met)
            case "match":
                return Reply(match(self._shelf, asked.body)) if asked.method == "POST" else failure(405, "Ask by POST.")
            case "search":
                return self._search(asked, request, met)
            case "everything":
                return self._everything(asked, request, met)
        item = None if "no-match" in met else self._shelf.read(request.type, request.name)
        if item is None:
            return failure(404, "This system holds no such resource.")
        tag = f'W/"{item.version}"'
        if asked.headers.get("if-none-match") == tag:
            return Reply(b"", 304, headers=(("ETag", tag),))
        return Reply(item.raw, headers=(("ETag", tag),))

    def _search(self, asked: Asked, request: Request, met: Mapping[str, Habit]) -> Reply:
        if request.type == "Patient":
            own = self.system.patient_system if self.system.knows_by == "local" else None
            found = [] if "no-match" in met else patients(self._shelf, request.query, own_system=own)
            if "two-matches" in met and found:
                found.append(self._double(found[0], met["two-matches"].other))
            return self._pages(asked, tuple(found), request, met)
        who = patient_of(self._shelf, request.query)
        if who is None:
            return failure(400, "Say which patient: a search across patients is not offered.", code="required")
        wrong = met.get("wrong-patient")
        about = (wrong.other,) if wrong else who
        found = (
            []
            if "no-match" in met
            else chosen((item for each in about for item in self._shelf.of(each, request.type)), request.query)
        )
        return self._pages(asked, tuple(found), request, met, with_patient=wrong.other if wrong else "")

    def _everything(self, asked: Asked, request: Request, met: Mapping[str, Habit]) -> Reply:
        wrong = met.get("wrong-patient")
        about = wrong.other if wrong else request.name
        if "no-match" in met or self._shelf.patient(about) is None:
            return failure(404, "This system does not know the patient.")
        types = [type for name, value in request.query if name == "_type" for type in value.split(",")]
        wanted = [*types, "Patient"] if types else []
        return self._pages(asked, self._shelf.everything(about, wanted), request, met)

    def _double(self, item: Item, other: str) -> Item:
        """A second patient with the same number: another one of the shelf, or a copy under another id."""
        twin = self._shelf.patient(other)
        return twin if twin is not None else item_of(self.base, {**item.resource, "id": f"{item.id}-b"}, self.system)

    def _pages(
        self, asked: Asked, items: tuple[Item, ...], request: Request, met: Mapping[str, Habit], with_patient: str = ""
    ) -> Reply:
        told = next((value for name, value in request.query if name == "_count"), "")
        size = min(int(told), _AT_MOST, max(self.system.page_size, 1)) if told.isdigit() and int(told) else self.system.page_size
        extra = []
        if with_patient and (patient := self._shelf.patient(with_patient)) is not None:
            extra.append(patient.entry.replace(b'"mode":"match"', b'"mode":"include"'))
        if "invalid-item" in met:
            extra.append(_BROKEN_ENTRY)
        if self.system.dialect.paging == "none":
            size = max(len(items), 1)
        return self._page(items, 0, size, self._self(asked), met, tuple(extra), included=_includes(request))

    def _next_page(self, asked: Asked, request: Request, met: Mapping[str, Habit]) -> Reply:
        kept = self._cursors.get(request.name)
        if kept is None:
            return failure(404, "This page is no longer kept. Search again.")
        items, start, size, included = kept
        if (told := asked.value("_getpagesoffset")).isdigit():
            start = int(told)
        return self._page(items, start, size, self._self(asked), met, (), included=included)

    def _page(
        self, items: tuple[Item, ...], start: int, size: int, self_link: str, met: Mapping[str, Habit],
        extra: tuple[bytes, ...], *, included: bool,
    ) -> Reply:  # fmt: skip
        following = ""
        if "cyclic" in met:
            following = self_link if "?at=" in self_link else self._link(items, start, size, included)
        elif "endless" in met:
            following = self._link(items, 0, size, included)
        elif start + size < len(items):
            following = self._link(items, start + size, size, included)
        page, dialect = items[start : start + size], self.system.dialect
        beside = [item.beside.entry for item in page if included and item.beside]
        total = len(items) + len(extra) if dialect.total else None
        self_link = self_link if dialect.paging != "none" else ""
        return Reply(bundle(page, total=total, self_link=self_link, next_link=following, more=(*beside, *extra)))

    def _link(self, items: tuple[Item, ...], start: int, size: int, included: bool) -> str:
        token, dialect = self._cursors.keep(items, start, size, included), self.system.dialect
        base = self.base if dialect.links == "whole" else BASE
        if dialect.paging == "offset":
            return f"{base}?_getpages={token}&_getpagesoffset={start}&_count={size}&_bundletype=searchset"
        return f"{base}/_page?at={token}"

    def _self(self, asked: Asked) -> str:
        """Where this page stands. Its parameters are left out: a link never repeats an identifier."""
        at = asked.value("at")
        if asked.path == BASE:
            return self.base
        return self.base + asked.path[len(BASE) :] + (f"?at={at}" if at else "")


def _includes(request: Request) -> bool:
    """Whether the Medications that are referred to are wanted in the same answer."""
    return any(name == "_include" and value.endswith(":medication") for name, value in request.query)
