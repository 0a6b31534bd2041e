"""To what do references within a transaction point that name no resource yet? By a query, or by a name that nothing bears."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from carerecord.contracts.holdings import WriteAsked
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.search.query import BadSearch, read
from carerecord.holdings.drafts import Draft, Refusal, by_number_alone, error, references, unveiled
from carerecord.holdings.finding import Finder, View
from carerecord.kit.db import Database

MOST: Final = 500  # different queries in one transaction
_QUERY: Final = re.compile(r"([A-Z][A-Za-z]{2,60})\?(.+)\Z", re.DOTALL)
_NAMES: Final = ("urn:uuid:", "urn:oid:")


@dataclass(frozen=True)
class Referring:
    finder: Finder

    async def found(
        self, db: Database, asked: WriteAsked, drafts: Sequence[Draft], names: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """What each query stands for, letter for letter as it is written: the one resource that answers it.

        Raises:
            Refusal: none or several answer, or it cannot be asked (412); a name that no entry bears (422). Both name the path.
        """
        known: dict[bytes, bytes] = {}
        for draft in drafts:
            if draft.writes and draft.change.method in ("create", "update"):
                for written in _references(draft.change.text):
                    if written in names or (said := _read(written)) is None:
                        continue
                    if said.startswith(_NAMES) and said.encode() not in names:
                        says = "No entry of this transaction bears that name as its fullUrl."
                        raise Refusal(draft.place, 422, error("not-found", _path(draft, said), says))
                    if written not in known and (query := _QUERY.match(said)):
                        if len(known) >= MOST:
                            says = f"At most {MOST} different queries are resolved in one transaction."
                            raise Refusal(draft.place, 422, error("too-costly", "", says))
                        found = await self._one(db, asked, draft, said, query[1], query[2])
                        known[written] = found.encode()
        return known

    async def _one(self, db: Database, asked: WriteAsked, draft: Draft, said: str, type_: str, query: str) -> str:
        try:
            wanted = read(type_, parse_qsl(query, keep_blank_values=True), self.finder.parameters)
            if not wanted.clauses:
                raise BadSearch("", "A conditional reference needs at least one search parameter.")
            view = View(db, asked.looks, writing=True)
            if by_number_alone(wanted):
                view = unveiled(view)  # what is about them is filed all the same, and tells no more than that they are here
            found = await self.finder.all_of(wanted, view, 2)
        except BadSearch as bad:
            raise Refusal(draft.place, 412, error("invalid", _path(draft, said), bad.reason)) from None
        if len(found) != 1:
            code, many = ("multiple-matches", "More than one resource answers") if found else ("not-found", "No resource answers")
            raise Refusal(draft.place, 412, error(code, _path(draft, said), f"{many} this conditional reference."))
        return f"{type_}/{found[0].row.id}"


def _references(text: bytes) -> Iterable[bytes]:
    """Those that may need to be looked up, as they are written, each once."""
    return dict.fromkeys(references(text)) if b"urn:" in text or b"?" in text or b"\\u" in text else ()


def _read(written: bytes) -> str | None:
    """None where it is no JSON: then the resource is none either, and is refused as such."""
    try:
        return msgspec.json.decode(b'"%s"' % written, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _path(draft: Draft, said: str) -> str:
    """Where in the resource a reference stands."""
    try:
        found = next(_places(parse(draft.change.text), draft.type, said), draft.type)
    except Unreadable:
        found = draft.type
    return found


def _places(value: Any, path: str, said: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "reference" and each == said:
                yield f"{path}.reference"
            else:
                yield from _places(each, f"{path}.{name}", said)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _places(each, f"{path}[{place}]", said)
