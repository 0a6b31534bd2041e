"""How does the reference page of the FHIR API read? Written from the code that answers, so that it says what is done."""

import re
from collections.abc import Iterator

from starlette.responses import Response

from carerecord.exchange import (
    binaries,
    bundles,
    capability,
    documents,
    exporting,
    formats,
    importing,
    links,
    matching,
    objections,
    operations,
    several,
    summary,
)
from carerecord.exchange.answers import FHIR_JSON
from carerecord.exchange.api import CENTRES, addresses
from carerecord.exchange.capability import INTERACTIONS, SYSTEM
from carerecord.exchange.owners import BY_ID, OWNED_ELSEWHERE
from carerecord.exchange.visit import Visit
from carerecord.fhir import invariants
from carerecord.fhir.search import compartments, parameters
from carerecord.fhir.search.parameters import Parameters
from carerecord.fhir.search.query import LONGEST_VALUE, MODIFIERS, MOST_CLAUSES, MOST_VALUES, RESULT_PARAMETERS
from carerecord.fhir.search.terms import MOST_CODES

WRITTEN = """\
A resource is judged before it is kept: its structure to the letter of FHIR R4, the codes to which R4 binds it (those of the data
types for the types that the record shows), and these invariants; R4's others are not looked into. An error names the path, what
is wrong and what is expected, and never what was sent. What a client's faults come to is a setting of its row: refused (422),
kept with warnings, or kept aside. UK Core is judged by our own rules for the types that the record shows, where `meta.profile` or
`$validate` asks for it; a client whose faults are kept with warnings always hears of it.
"""
APART = f"""\
A Binary is served as its bytes, with their own content type, unless FHIR is asked for (`Accept`, `_format`), and taken so:
by any `Content-Type` that is not FHIR's, with `X-Security-Context`, up to {binaries.MOST_BYTES:,} bytes. Whoever may read
what its `securityContext` names may read it, and nobody else. It is read by its id alone: no search, include, export or
history of many brings it.

A Consent is an objection: of a person (`patient`) to a section (`provision.class`, `{objections.SECTION}`; none: the whole
record), of one source (`provision.actor`, role CST, `{objections.SOURCE}`), towards one organisation (role IRCP, its ODS
code). It is in force when it is answered, and withdrawn by an update to `inactive`; one that says more is a 422 that names
what. A batch may hold what another service owns; a transaction that does is a 422, for it could not be all or nothing. Consent,
AuditEvent and Subscription are for scopes that name them: `system/*` does not include them. Whose a Consent or an AuditEvent is,
is said by an id of the patient index or of a Patient kept here, or by `patient:identifier`.

A Subscription is its client's own: no other sees it. `criteria` is a search of one type by parameters that the resource answers
by itself; the channel is `rest-hook`; a notice carries ids alone ([subscribe](../how-to/subscribe.md)).
"""
_OF = {"*": "every type", "": "the whole"}


def page() -> str:
    """In Markdown. A second's work: the definitions are compiled as they are at start."""
    return "\n".join(_lines(parameters.load())) + "\n"


async def _metadata(_: Visit) -> Response:
    """Says what the page says."""
    return Response()


def _shown(path: str) -> str:
    return re.sub(r"\{\w+:(\w+)\}", r"\1", path)


def _lines(known: Parameters) -> Iterator[str]:
    yield "# The FHIR API"
    yield ""
    yield "Written by `carerecord catalogue --fhir` from the code that answers; a test fails when this page is out of date."
    yield "FHIR R4 (4.0.1), under `/fhir` of the front door. How to begin: [connect a client](../how-to/connect-a-client.md)."
    yield ""
    yield "## Addresses"
    yield ""
    yield "| address | takes | token |"
    yield "| --- | --- | --- |"
    for path, handlers, guarded in addresses(_metadata):
        yield f"| `{_shown(path)}` | {', '.join(handlers)} | {'yes' if guarded else '–'} |"
    yield ""
    yield "HEAD is taken wherever GET is. Any other method is a 405 with `Allow`; every error is an OperationOutcome."
    yield ""
    yield "## Interactions"
    yield ""
    yield f"For each type: {', '.join(INTERACTIONS)}. For the whole: {', '.join(SYSTEM)}."
    yield "Create, update, patch and delete may be conditional; so may a read, by `If-None-Match` or `If-Modified-Since`: a"
    yield "304 where the client has it, but of a Patient who died, since whether that is in doubt may have changed."
    yield "`If-None-Match: *` on an update writes only where nothing stands. The id in a conditional update is that of what"
    yield "answers, or, where nothing does, of what is new. A condition that several answer, or that cannot be asked of"
    yield "everybody, is a 412. An entry of a batch or transaction reads `Type/id`, searches `Type?…` or writes; a patch stands"
    yield "in it as a Binary that holds it, or as its steps. Versions, histories and operations are asked by themselves."
    yield ""
    yield "| operation | of | definition |"
    yield "| --- | --- | --- |"
    for type_, rows in operations.OPERATIONS.items():
        for name, url in rows:
            yield f"| `${name}` | {_OF.get(type_, type_)} | {url} |"
    yield ""
    yield "## Formats"
    yield ""
    yield f"In and out: `{FHIR_JSON}` and `{formats.FHIR_XML}`; a patch as `{formats.PATCH}`. `_format` goes before Accept."
    yield "`Content-Encoding: gzip` is read, and written where the client takes it. `_pretty=true` writes on many lines."
    yield "`Prefer: return=minimal`, `return=representation` or `return=OperationOutcome`; `handling=lenient` passes over unknown"
    yield "parameters, and says which."
    yield ""
    yield "## Limits"
    yield ""
    yield "| what | at most |"
    yield "| --- | --- |"
    for what, most in (
        ("bytes of a body, unpacked", formats.MOST_BYTES), ("times that a body is packed", formats.MOST_TIMES),
        ("entries of a batch or transaction", bundles.MOST_ENTRIES), ("resources of a page", links.MOST),
        ("resources of a page, unless `_count` says", links.USUAL), ("parameters of a query", links.MOST_PARAMETERS),
        ("clauses of a search", MOST_CLAUSES), ("alternatives of a clause", MOST_VALUES), ("letters of a value", LONGEST_VALUE),
        ("codes for which the value sets of a clause stand, or its branches", MOST_CODES),
        ("results of a code with `$lastn`", operations.MOST_LASTN), ("resources of a kind in `$summary`", summary.MOST),
        ("documents of `$docref`", documents.MOST_DOCUMENTS), ("candidates of `$match`", matching.MOST),
        ("filters of an export", exporting.MOST_FILTERS),
        ("files of an export fetched at once by one client", exporting.DOWNLOADS_AT_ONCE),
        ("bytes of an import, unpacked", importing.MOST_BYTES), ("bytes of a line of an import", importing.MOST_LINE),
    ):  # fmt: skip
        yield f"| {what} | {most:,} |"
    yield ""
    yield "## What is written"
    yield ""
    yield WRITTEN
    yield "| invariant | says |"
    yield "| --- | --- |"
    for key, says in invariants.HELD.items():
        yield f"| {key} | {says} |"
    yield ""
    yield "## Searching"
    yield ""
    yield "| kind of parameter | modifiers |"
    yield "| --- | --- |"
    for kind, modifiers in MODIFIERS.items():
        told = [f"`:{each}`" for each in (*sorted(modifiers), *(("Type",) if kind == "reference" else ()))]
        yield f"| {kind} | {' '.join(told)} |"
    yield ""
    yield f"Of results: {' '.join(f'`{each}`' for each in sorted(RESULT_PARAMETERS))}."
    yield "`_contained` is `false` alone, and `_containedType` is not taken: contained resources are found with those that hold"
    yield "them. At most 1,000 resources are included beside a page: a page that brings more is cut shorter and goes on by its"
    yield "link, and one match that brings more by itself says so in an outcome entry."
    yield "A token's `:in` and `:not-in` take the address of a value set without a version, `:below` and `:above` a"
    yield "`system|code`, and each finds what those codes would find one by one. Loaded are HL7's own code systems that R4"
    yield "publishes whole, with the hierarchy in which their codes stand, and R4's value sets that list their codes or draw on"
    yield f"those systems alone, up to {MOST_CODES:,} codes. SNOMED CT, LOINC and whatever else R4 does not publish is not: a 400"
    yield "says what is lacking, as it does of a code that its system does not have."
    yield "A search of a type that lies in people's records says whose it is (`patient=…`), or searches by `_id` or `identifier`;"
    yield "Patient by `family`, `given`, `name` or `birthdate` as well."
    yield f"Several types, {several.MOST_TYPES} at most, are searched for at once at the base, by what each of them has"
    yield "(`/?_type=Observation,Condition&patient=…`): one after the other, each with its newest first, with no `_sort`."
    yield ""
    yield "## Compartments"
    yield ""
    yield "By R4's own definitions. What lies around an Encounter, a RelatedPerson or a Device of a person is searched for in"
    yield "that person's record; around a Practitioner, and a Device of nobody, a search of a type that lies in people's records"
    yield "says whose it is, as any does (`Practitioner/ID/Observation?patient=…`). Where nothing stands in the centre for this"
    yield "client, nothing is found around it. Around a Patient is what lies in the person's record."
    yield ""
    yield "| centre | types |"
    yield "| --- | --- |"
    around = compartments.load()
    for centre in CENTRES:
        yield f"| {centre} | {', '.join(each for each in around.types(centre) if each not in OWNED_ELSEWHERE)} |"
    yield ""
    yield "## Types and their search parameters"
    yield ""
    yield APART
    yield "| type | kept by | may be | searched by | |"
    yield "| --- | --- | --- | --- | --- |"
    for name, (owner, says) in OWNED_ELSEWHERE.items():
        interactions, searched_by = capability.OF_OTHERS.get(name, ((), ()))
        yield f"| {name} | {owner} | {', '.join(interactions) or '–'} | {', '.join(sorted(searched_by)) or '–'} | {says} |"
    yield ""
    yield "| type | parameters |"
    yield "| --- | --- |"
    for type_ in sorted(known.types - OWNED_ELSEWHERE.keys() - {BY_ID}):
        yield f"| {type_} | {', '.join(sorted(known.of(type_)))} |"
