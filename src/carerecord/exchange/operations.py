"""What else may be asked of a resource or a type? The operations of FHIR, each named in the capability statement."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from starlette.responses import Response

from carerecord.contracts.holdings import (
    EVERYTHING,
    SEARCH,
    WRITE,
    Change,
    EverythingAsked,
    FindAsked,
    Held,
    Issue,
    Page,
    WriteAsked,
)
from carerecord.exchange import answers, deaths, parameters, record
from carerecord.exchange.links import CURSOR, MOST, size
from carerecord.exchange.owners import OWNED_ELSEWHERE
from carerecord.exchange.resources import held_here, kept_here, of_r4, type_of
from carerecord.exchange.searching import searchset
from carerecord.exchange.visit import Visit
from carerecord.fhir.gates import can_judge_by
from carerecord.kit.errors import NotAcceptable, NotUnderstood

MOST_LASTN: Final = 100  # for each code
MOST_LOOKED_AT: Final = 20_000
_RESULT: Final = frozenset(("_format", "_pretty", "_count", "_sort", "_total", "_summary", "_elements", "max", CURSOR))
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z")


class _Coding(Struct):
    system: str = ""
    code: str = ""


class _Concept(Struct):
    coding: list[_Coding] = []
    text: str = ""


class _Coded(Struct):
    code: _Concept = msgspec.field(default_factory=_Concept)


_coded: Final = msgspec.json.Decoder(_Coded)


async def everything(visit: Visit) -> Response:
    """`Patient/p1/$everything`, in pages.

    Raises:
        NotUnderstood: a parameter that it does not take, or a time that is no instant.
    """
    visit.must("Patient", "r")
    pairs = await parameters.asked(visit)
    query = dict(pairs)
    types = tuple(each for name, said in pairs if name == "_type" for each in said.split(",") if each)
    for each in types:
        kept_here(visit, each)
    if record.asks(visit):
        return await record.everything(visit, str(visit.request.path_params["id"]), types, pairs)
    if unknown := set(query) - {"_type", "_since", "_count", "start", "end", CURSOR, "_format", "_pretty"}:
        raise NotUnderstood(f"$everything takes _type, _since, start, end and _count, not {', '.join(sorted(unknown))[:80]}.")
    since = query.get("_since", "")
    if since and not _INSTANT.match(since):
        raise NotUnderstood("_since is an instant with its zone, as 2026-01-31T09:00:00Z.")
    asked = EverythingAsked(
        str(visit.request.path_params["id"]), visit.reach("r"), types, since, query.get("start", ""), query.get("end", ""),
        cursor=query.get(CURSOR, ""), most=size(query.get("_count", ""), MOST), client=visit.client, request=visit.request_id,
    )  # fmt: skip
    page = await deaths.of_page(visit.face.calls, await visit.face.calls.ask(EVERYTHING, asked))
    here = f"{visit.base}/Patient/{asked.patient}/$everything"
    kept = tuple((name, value) for name, value in pairs if name not in (CURSOR, "_format", "_pretty"))
    return searchset(visit, page, here, kept, "", ())


async def validate(visit: Visit) -> Response:
    """`$validate`: judged as a write would be, and not kept. On an instance by GET: what is kept is judged.

    Raises:
        NotUnderstood: Parameters that hold no resource. NotAcceptable: a profile or mode that nothing here judges by.
    """
    type_, id_ = str(visit.request.path_params["type"]), str(visit.request.path_params.get("id", ""))
    of_r4(visit, type_)  # whoever keeps it
    visit.must(type_, "r")
    by_get = visit.request.method in ("GET", "HEAD")
    raw, told = ((await held_here(visit, type_of(visit, "r"))).text, "") if by_get else _given(await visit.body())
    profile = visit.request.query_params.get("profile", "") or told
    if profile and not can_judge_by(profile, type_):
        raise NotAcceptable(f"{type_} is judged by FHIR R4 itself, and some types by UK Core; by no other profile.")
    change = Change("update" if id_ else "create", type_, id_, Raw(raw))
    asked = WriteAsked(visit.client, visit.reach("r"), (change,), visit.request_id, check_only=True, profile=profile)
    (made,) = await visit.face.calls.ask(WRITE, asked)
    sound = f"It is sound FHIR R4. {OWNED_ELSEWHERE[type_][1]}" if type_ in OWNED_ELSEWHERE else "It could be kept as it is."
    return answers.outcome(200, *(made.issues or (Issue("information", "informational", "", sound),)))


def _given(body: bytes) -> tuple[bytes, str]:
    """The resource that is to be judged, by itself or within Parameters, and the profile that these name."""
    told = parameters.perhaps(body)
    if told is None:
        return body, ""  # holdings says what is wrong with it
    profile = ""
    for each in told:
        if each.name == "profile":
            profile = each.valueUri or each.valueCanonical
        if each.name == "mode" and each.valueCode not in ("create", "update"):
            raise NotAcceptable("What is judged is whether it could be created or updated: mode is create or update.")
    found = [each.resource for each in told if each.name == "resource" and bytes(each.resource)]
    if len(found) != 1:
        raise NotUnderstood("Parameters hold one parameter `resource`, with the resource that is to be judged.")
    return bytes(found[0]), profile


async def meta(visit: Visit) -> Response:
    """`$meta` of one resource, letter for letter."""
    held = await held_here(visit, type_of(visit, "r"))
    found = msgspec.json.decode(held.text, type=dict[str, Raw]).get("meta", Raw(b"{}"))
    told = b'{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":' + bytes(found) + b"}]}"
    return Response(told, media_type=answers.FHIR_JSON)


async def lastn(visit: Visit) -> Response:
    """`Observation/$lastn`: of one patient, for each code the newest `max` (1 unless said).

    Raises:
        NotUnderstood: it does not say whose, or `max` is no number.
    """
    visit.must("Observation", "s")
    pairs = await parameters.asked(visit)
    told = dict(pairs)
    if not {"patient", "subject"} & {name.partition(":")[0] for name in told}:
        raise NotUnderstood("$lastn needs to say whose: add patient=….")
    most = told.get("max", "1")
    if not most.isdecimal() or len(most) > 6 or not 0 < int(most) <= MOST_LASTN:
        raise NotUnderstood(f"max is 1 to {MOST_LASTN}.")
    query = (*((name, value) for name, value in pairs if name not in _RESULT), ("_sort", "-date"), ("_total", "none"))
    many: dict[Any, int] = {}
    newest: list[Held] = []
    cursor, looked_at = "", 0
    while True:
        asked = FindAsked(
            "Observation", query, visit.reach("s"), visit.strict, visit.base, cursor, MOST, visit.client, visit.request_id
        )
        page = await visit.face.calls.ask(SEARCH, asked)
        for held in page.matches:
            key = _same_code(held.text)
            many[key] = many.get(key, 0) + 1
            if many[key] <= int(most):
                newest.append(held)
        cursor, looked_at = page.next, looked_at + len(page.matches)
        if not cursor:
            break
        if looked_at >= MOST_LOOKED_AT:
            raise NotUnderstood("This person has more results than are looked through at once: add a category, code or date.")
    here = f"{visit.base}/Observation/$lastn"
    kept = tuple((name, value) for name, value in pairs if name not in ("_format", "_pretty"))
    answer = Page(tuple(newest), total=len(newest), ignored=page.ignored, withheld=page.withheld)
    return searchset(visit, answer, here, kept, "", ())


def _same_code(text: bytes) -> Any:
    """What makes two results one kind: their first coding with its system; else their words; else nothing that is known."""
    try:
        code = _coded.decode(text).code
    except msgspec.ValidationError:
        return None
    coding = next((each for each in code.coding if each.code), None)
    return (coding.system, coding.code) if coding else code.text.strip().casefold()


OPERATIONS: Final[Mapping[str, Iterable[tuple[str, str]]]] = {
    "*": (
        ("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate"),
        ("meta", "http://hl7.org/fhir/OperationDefinition/Resource-meta"),
    ),
    "": (
        ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"),
        ("import", "urn:carerecord:operation:import"),
        ("process-message", "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message"),
    ),
    "Group": (("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"),),
    "Patient": (
        ("everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything"),
        ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"),
        ("ihe-pix", "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"),
        ("match", "http://hl7.org/fhir/OperationDefinition/Patient-match"),
        ("summary", "http://hl7.org/fhir/uv/ips/OperationDefinition/summary"),
    ),
    "Subscription": (
        ("status", "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-status"),
    ),
    "DocumentReference": (("docref", "http://hl7.org/fhir/uv/ipa/OperationDefinition/docref"),),
    "Observation": (("lastn", "http://hl7.org/fhir/OperationDefinition/Observation-lastn"),),
}
