"""How is a request to a supplier's API written, and how are its pages turned? Templates of the mapping, filled for one person.

What tells who a person is goes into the body. Where the supplier's API forces it into the address, the mapping must say so, with
the reason; addresses are never logged in any case.
"""

import html
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from carerecord.connectors.rest_json_paths import BadPath, Path, path

PERSON: Final = frozenset(("local_id", "nhs_number", "birth_date", "family", "given"))
TURNING: Final = frozenset(("page", "page_size", "offset", "cursor"))
_NUMBERS: Final = frozenset(("page", "page_size", "offset"))
_PLACE: Final = re.compile(r"\{(\w+)\}")
PAGING: Final = ("link", "page", "cursor")

Values = Mapping[str, str]


class Sending(Struct, frozen=True):
    """One request, with places such as {local_id} still open."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    kind: str  # of the body: json | form | xml | ""
    body: Any
    nothing_is: tuple[int, ...] = ()  # statuses by which this API says that there is nothing; any other is no answer

    @property
    def everything(self) -> str:
        return f"{self.path} {self.query} {self.body}"


class Paging(Struct, frozen=True):
    style: str
    next: Path | None = None  # link, cursor: where the next one stands
    more: Path | None = None  # page: whether there is another
    last: Path | None = None  # page: how many there are
    first: int = 1

    @property
    def placeholder(self) -> str:
        return {"cursor": "cursor", "page": ""}.get(self.style, "")


def sending(table: Mapping[str, Any], *, forced: str) -> Sending:
    """Raises BadPath."""
    method = str(table.get("method", "POST")).upper()
    if method not in ("GET", "POST"):
        raise BadPath("method is GET or POST: nothing is ever changed at a source")
    where = table.get("path", "")
    if not isinstance(where, str) or where.startswith("/") or "://" in where or ".." in where:
        raise BadPath("path is below the source's address: no leading slash, no other host")
    kinds = [each for each in ("json", "form", "xml") if each in table]
    if len(kinds) > 1:
        raise BadPath("a request has one body: json, form or xml")
    if kinds and method == "GET":
        raise BadPath("a GET has no body; use POST")
    query = _pairs("query", table.get("query", {}))
    body: Any = table[kinds[0]] if kinds else None
    if kinds == ["form"]:
        body = _pairs("form", body)
    if kinds == ["xml"] and not isinstance(body, str):
        raise BadPath("xml is a text with places such as {local_id}")
    nothing = table.get("nothing_is", [])
    if not isinstance(nothing, list) or not all(isinstance(each, int) and 400 <= each < 500 for each in nothing):
        raise BadPath("nothing_is is a list of statuses between 400 and 499")
    made = Sending(method, where, query, kinds[0] if kinds else "", body, tuple(nothing))
    odd = sorted(set(_PLACE.findall(made.everything)) - PERSON - TURNING)
    if odd:
        raise BadPath(f"{{{odd[0]}}} is nothing that can be put in; there are {', '.join(sorted(PERSON | TURNING))}")
    exposed = sorted(PERSON & set(_PLACE.findall(f"{where} {query}")))
    if exposed and not forced:
        raise BadPath(
            f"{{{exposed[0]}}} stands in the address, where others may read it. Put it into the body; where the supplier's API"
            ' has no other way, say so at the top: person_in_address = "why"'
        )  # fmt: skip
    return made


def paging(table: Any) -> Paging:
    """Raises BadPath."""
    if not isinstance(table, dict) or table.get("style") not in PAGING:
        raise BadPath(f"style is one of {', '.join(PAGING)}")
    style = str(table["style"])
    needs = {"link": {"next"}, "cursor": {"next"}, "page": {"more", "last"}}[style]
    odd = sorted(table.keys() - {"style", "first"} - needs)
    if odd or not needs & table.keys():
        raise BadPath(f"style {style} knows {' or '.join(sorted(needs))}" + (f", not {odd[0]}" if odd else ""))
    first = table.get("first", 1)
    if not isinstance(first, int) or first < 0:
        raise BadPath("first is the number of the first page: 0 or 1")
    found = {name: path(str(table[name])) for name in needs & table.keys()}
    return Paging(style, found.get("next"), found.get("more"), found.get("last"), first)


class Written(Struct, frozen=True):
    """A request as it goes out."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...] | None
    body: bytes
    kind: str


def written(request: Sending, values: Values) -> Written:
    where = _PLACE.sub(lambda found: quote(values.get(found.group(1), ""), safe=""), request.path)
    query = tuple((name, _filled(value, values)) for name, value in request.query)
    if request.kind == "form":
        form = tuple((name, _filled(value, values)) for name, value in request.body)
        return Written(request.method, where, query, form, b"", "")
    if request.kind == "json":
        body = msgspec.json.encode(_filled_all(request.body, values))
        return Written(request.method, where, query, None, body, "application/json")
    if request.kind == "xml":
        text = _PLACE.sub(lambda found: html.escape(values.get(found.group(1), "")), request.body)
        return Written(request.method, where, query, None, text.encode(), "application/xml")
    return Written(request.method, where, query, None, b"", "application/json")


def _filled_all(value: Any, values: Values) -> Any:
    if isinstance(value, dict):
        return {name: _filled_all(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled_all(each, values) for each in value]
    if not isinstance(value, str):
        return value
    alone = _PLACE.fullmatch(value)
    if alone and alone.group(1) in _NUMBERS:
        return int(values.get(alone.group(1)) or 0)
    if alone and alone.group(1) == "cursor":
        return values.get("cursor") or None
    return _filled(value, values)


def _filled(text: str, values: Values) -> str:
    return _PLACE.sub(lambda found: values.get(found.group(1), ""), text)


def _pairs(name: str, table: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(table, dict):
        raise BadPath(f"{name} is a table")
    return tuple((str(key), value if isinstance(value, str) else str(value)) for key, value in table.items())
