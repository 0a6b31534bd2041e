"""What does a mapping file say? How a supplier's own API is asked, and what each of its fields is in R4.

Everything is checked when it is read: a mistake is told with its table and key, never met for the first time in an answer.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from carerecord.connectors.rest_json_dates import zone_name
from carerecord.connectors.rest_json_paths import BadPath, Path, levels, names_at, path
from carerecord.connectors.rest_json_rules import Known, Levels, Names, Rule, fields
from carerecord.connectors.rest_json_sending import Paging, Sending, paging, sending
from carerecord.fhir.sections import SECTION_IDS, SECTIONS
from carerecord.kit import toml

T = TypeVar("T")

ROOT: Final[Levels] = ((),)
TYPES: Final = frozenset(search.type for section in SECTIONS.values() for search in section.searches) - {"Patient"}
# Where a resource says whom it is about; every other type says it in `subject`.
ABOUT: Final[Mapping[str, str]] = {
    "AllergyIntolerance": "patient", "Immunization": "patient", "Consent": "patient", "DetectedIssue": "patient",
    "EpisodeOfCare": "patient", "FamilyMemberHistory": "patient", "RelatedPerson": "patient", "Task": "for",
    "Appointment": "",
}  # fmt: skip
_TOP: Final = frozenset(
    ("name", "answers", "zone", "empty", "headers", "person_in_address", "not_carried", "codes", "lists", "person", "request",
     "test", "full")
)  # fmt: skip
_SENDING: Final = frozenset(("method", "path", "query", "json", "form", "xml", "nothing_is"))
_REQUEST: Final = _SENDING | {"name", "sections", "paging", "total", "item"}
_ITEM: Final = frozenset(("list", "type", "id", "person", "person_is", "when", "not_carried", "fields"))
_PERSON: Final = frozenset(("list", "id", "fields", "find", "read", "not_carried"))
_TEST: Final = frozenset(("request", "input", "expected", "local_id"))


class BadMapping(Exception):
    """What is wrong, each with its table and key."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class When(Struct, frozen=True):
    field: Path
    is_: frozenset[str]


class Item(Struct, frozen=True):
    """One kind of item in an answer, and the resource that each of them is."""

    type: str
    list: Path
    id: Path
    fields: Rule
    person: Path | None = None  # where the item itself says whom it is about
    person_is: str = "local"  # local | nhs-number
    when: When | None = None


class Request(Struct, frozen=True):
    name: str
    sections: frozenset[str]
    sending: Sending
    paging: Paging | None
    total: Path | None
    items: tuple[Item, ...]
    reads: frozenset[Names]  # all that is looked at, and all that is left out on purpose
    left_out: frozenset[Names]


class Person(Struct, frozen=True):
    """How one learns who an answer is about."""

    item: Item
    find: Sending | None  # by NHS number
    read: Sending | None  # by the source's own number
    reads: frozenset[Names]
    left_out: frozenset[Names]


class Case(Struct, frozen=True):
    """A test of the mapping: what comes in, and the R4 that must come out. File names beside the mapping."""

    request: str  # the name of a request, or "person"
    input: str
    expected: str
    local_id: str


class Supplier(Struct, frozen=True):
    """One mapping, ready to be used."""

    name: str
    answers: str  # json | xml
    empty: frozenset[str]
    headers: tuple[tuple[str, str], ...]
    codes: Mapping[str, Mapping[str, str]]
    lists: Mapping[str, tuple[Path, Path]]  # where it is, and the id of each in it
    person: Person
    requests: tuple[Request, ...]
    cases: tuple[Case, ...]
    full: bool = False  # of files: each holds everything, so what it holds no more is gone


@lru_cache(256)
def mapping_of(text: str) -> Supplier:
    """Raises BadMapping with every fault."""
    try:
        document = toml.document(text)
    except toml.NotToml as error:
        raise BadMapping((f"it is not TOML: {error}",)) from None
    reading = _Reading(document)
    made = reading.supplier()
    if reading.faults or made is None:
        raise BadMapping(tuple(reading.faults))
    return made


def faults_of(text: str) -> tuple[str, ...]:
    """All that is wrong with a mapping, in plain words; () when it can be used."""
    try:
        mapping_of(text)
    except BadMapping as bad:
        return bad.faults
    return ()


class _Reading:
    """One pass over a document; every fault is kept with where it stands."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.faults: list[str] = []
        self._zone = str(document.get("zone", ""))
        self._known = Known({}, {}, self._zone)

    def supplier(self) -> Supplier | None:
        told = self._document
        self._odd("the file", told, _TOP)
        for name in ("name", "answers", "zone", "person", "request"):
            if not told.get(name):
                self.faults.append(f"{name} is missing")
        if told.get("answers", "json") not in ("json", "xml"):
            self.faults.append(f"answers is {told['answers']!r}; it is json or xml")
        if self._zone:
            self._try("zone", lambda: zone_name(self._zone))
        if not isinstance(told.get("empty", []), list):
            self.faults.append("empty is a list of what this supplier writes for nothing")
        if not isinstance(told.get("full", False), bool):
            self.faults.append("full is true or false: whether each file holds everything, so that what it holds no more is gone")
        headers = tuple((str(name), str(value)) for name, value in self._table("headers").items())
        for name, _ in headers:
            if name.lower() in ("authorization", "cookie", "host", "content-type", "accept"):
                self.faults.append(f"headers.{name} is set elsewhere; secrets stand in the secrets folder alone")
        codes = {name: self._codes(name, table) for name, table in self._table("codes").items()}
        lists = dict(self._lists())
        list_levels = {
            name: found
            for name, (at, id_) in lists.items()
            if (found := self._try(f"lists.{name}", partial(levels, ROOT, at))) is not None
            and self._try(f"lists.{name}", partial(names_at, found, id_)) is not None
        }
        if self.faults:
            return None
        self._known = Known(codes, list_levels, self._zone)
        person = self._person(told["person"])
        requests = tuple(
            made for place, each in enumerate(_tables(told["request"]), 1) if (made := self._request(place, each)) is not None
        )
        cases = tuple(self._cases({str(each.get("name")) for each in _tables(told["request"])}))
        if self.faults or person is None:
            return None
        list_reads = frozenset(
            names for name, (at, id_) in lists.items() for names in (names_at(list_levels[name], id_), levels(ROOT, at)[-1])
        )
        requests = tuple(replace(each, reads=each.reads | list_reads) for each in requests)
        empty = frozenset(str(each) for each in told.get("empty", ())) | {""}
        return Supplier(
            str(told["name"]), str(told["answers"]), empty, headers, codes, lists, person, requests, cases, bool(told.get("full"))
        )

    def _person(self, table: Any) -> Person | None:
        where = "person"
        if not isinstance(table, dict):
            self.faults.append("person is a table")
            return None
        self._odd(where, table, _PERSON)
        find = self._sending(f"{where}.find", table["find"]) if "find" in table else None
        read = self._sending(f"{where}.read", table["read"]) if "read" in table else None
        if "find" not in table and "read" not in table:
            self.faults.append("person needs the table person.find (by NHS number), or person.read (by its own number), or both")
        said = table.get("fields", {})
        if not isinstance(said, dict) or not any(str(each).startswith(("birthDate", "identifier")) for each in said):
            self.faults.append(
                "person.fields has neither birthDate nor identifier: nobody could tell whether an answer is about this person"
            )
        item = self._item(where, {"type": "Patient", "list": ".", **{k: v for k, v in table.items() if k in _ITEM}}, person=True)
        if item is None:
            return None
        left_out = frozenset(self._left_out(where, table, levels(ROOT, item.list)))
        return Person(item, find, read, self._reads(item), left_out | self._everywhere())

    def _request(self, place: int, table: Mapping[str, Any]) -> Request | None:
        name = str(table.get("name", ""))
        where = f"request {name or place}"
        self._odd(where, table, _REQUEST)
        if not name:
            self.faults.append(f"{where}: name is missing")
        sections = table.get("sections", [])
        if not toml.is_words(sections) or not sections:
            self.faults.append(f"{where}: sections is missing: the headings that this request fills")
            sections = []
        for each in sections:
            if each not in SECTION_IDS:
                self.faults.append(f"{where}: section {each!r} is not known; they are {', '.join(SECTION_IDS)}")
        sent = self._sending(where, {key: value for key, value in table.items() if key in _SENDING})
        pages = self._try(f"{where}.paging", lambda: paging(table["paging"])) if "paging" in table else None
        total = self._try(f"{where}.total", lambda: path(str(table["total"]))) if "total" in table else None
        kinds = _tables(table.get("item", []))
        if not kinds:
            self.faults.append(f"{where}: item is missing: a table for each kind of item in its answer")
        items = [self._item(f"{where}, item {n}", each) for n, each in enumerate(kinds, 1)]
        if sent is None or not all(items):
            return None
        if pages is not None and pages.placeholder and f"{{{pages.placeholder}}}" not in sent.everything:
            self.faults.append(f"{where}.paging turns pages by {{{pages.placeholder}}}, which stands nowhere in its request")
        left_out = [
            names
            for n, (each, item) in enumerate(zip(kinds, items, strict=True), 1)
            if item
            for names in self._left_out(f"{where}, item {n}", each, levels(ROOT, item.list))
        ]
        reads = frozenset(names for item in items if item for names in self._reads(item))
        turning = [each for each in (total, *((pages.next, pages.more, pages.last) if pages else ())) if each]
        turned = frozenset(
            names for each in turning if (names := self._try(f"{where}, paging or total", partial(names_at, ROOT, each)))
        )
        return Request(
            name, frozenset(sections), sent, pages, total, tuple(item for item in items if item), reads | turned,
            frozenset(left_out) | self._everywhere(),
        )  # fmt: skip

    def _item(self, where: str, table: Mapping[str, Any], *, person: bool = False) -> Item | None:
        if not person:
            self._odd(where, table, _ITEM)
            if str(table.get("type")) not in TYPES:
                self.faults.append(f"{where}: type is {table.get('type')!r}; it is one of {', '.join(sorted(TYPES))}")
                return None
        if not table.get("id"):
            self.faults.append(f"{where}: id is missing: the path of the item's own number")
            return None
        listed = self._try(f"{where}, list", lambda: path(str(table.get("list", "."))))
        id_ = self._try(f"{where}, id", lambda: path(str(table["id"])))
        if listed is None or id_ is None:
            return None
        at = self._try(f"{where}, list", partial(levels, ROOT, listed))
        if at is None:
            return None
        made = self._try(where, lambda: fields(table.get("fields"), at, self._known))
        about = self._try(f"{where}, person", lambda: path(str(table["person"]))) if "person" in table else None
        if table.get("person_is", "local") not in ("local", "nhs-number"):
            self.faults.append(f"{where}: person_is is local or nhs-number")
        beside = [each for each in (id_, about) if each is not None]
        sound = [self._try(where, partial(names_at, at, each)) is not None for each in beside]
        when = self._when(where, table["when"], at) if "when" in table else None
        if made is None or not all(sound) or ("when" in table and when is None):
            return None
        return Item(str(table["type"]), listed, id_, made, about, str(table.get("person_is", "local")), when)

    def _when(self, where: str, table: Any, at: Levels) -> When | None:
        if not isinstance(table, dict) or set(table) != {"field", "is"} or not isinstance(table["is"], list):
            self.faults.append(f'{where}: when is {{ field = "path", is = ["value", …] }}')
            return None
        field = self._try(f"{where}, when", lambda: path(str(table["field"])))
        if field is None or self._try(f"{where}, when", partial(names_at, at, field)) is None:
            return None
        return When(field, frozenset(str(each) for each in table["is"]))

    def _reads(self, item: Item) -> frozenset[Names]:
        at = levels(ROOT, item.list)
        beside = [each for each in (item.id, item.person, item.when.field if item.when else None) if each is not None]
        return frozenset((*item.fields.reads, *(names_at(at, each) for each in beside)))

    def _left_out(self, where: str, table: Mapping[str, Any], at: Levels) -> Iterator[Names]:
        told = table.get("not_carried", [])
        if not isinstance(told, list):
            self.faults.append(f"{where}: not_carried is a list of paths")
            return
        for each in told:
            found = self._try(f"{where}, not_carried", partial(_named, at, str(each)))
            if found is not None:
                yield found

    def _everywhere(self) -> frozenset[Names]:
        return frozenset(self._left_out("the file", self._document, ROOT))

    def _sending(self, where: str, table: Any) -> Sending | None:
        if not isinstance(table, dict):
            self.faults.append(f"{where} is a table")
            return None
        self._odd(where, table, _SENDING)
        forced = str(self._document.get("person_in_address", ""))
        return self._try(where, lambda: sending(table, forced=forced))

    def _codes(self, name: str, table: Any) -> Mapping[str, str]:
        if not isinstance(table, dict) or not all(isinstance(each, str) for each in table.values()):
            self.faults.append(f"codes.{name} is a table: the supplier's code = the code in R4, both in quotes")
            return {}
        return dict(table)

    def _lists(self) -> Iterator[tuple[str, tuple[Path, Path]]]:
        for name, table in self._table("lists").items():
            if not isinstance(table, dict) or set(table) != {"at", "id"}:
                self.faults.append(f"lists.{name} has `at`, where the list stands, and `id`, the path of the id within each")
                continue
            at = self._try(f"lists.{name}.at", partial(path, str(table["at"])))
            id_ = self._try(f"lists.{name}.id", partial(path, str(table["id"])))
            if at is not None and id_ is not None:
                yield name, (at, id_)

    def _cases(self, names: set[str]) -> Iterator[Case]:
        for place, table in enumerate(_tables(self._document.get("test", [])), 1):
            where = f"test {place}"
            self._odd(where, table, _TEST)
            missing = [each for each in ("request", "input", "expected") if not table.get(each)]
            self.faults += [f"{where}: {each} is missing" for each in missing]
            if "request" in table and str(table["request"]) not in names | {"person"}:
                self.faults.append(f"{where}: no request is called {table['request']!r}")
            if not missing:
                yield Case(
                    str(table["request"]), str(table["input"]), str(table["expected"]), str(table.get("local_id", "person-1"))
                )

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self._document.get(name, {})
        if not isinstance(table, dict):
            self.faults.append(f"{name} is a table")
            return {}
        return table

    def _odd(self, where: str, table: Mapping[str, Any], known: frozenset[str]) -> None:
        self.faults += [f"{where}: {each!r} means nothing here" for each in table if each not in known]

    def _try(self, where: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except BadPath as fault:
            self.faults.append(f"{where}: {fault.reason}")
            return None


def _named(at: Levels, text: str) -> Names:
    return names_at(at, path(text))


def _tables(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
