"""Holdings, and identity's word on clients, are the same in process and across a socket."""

from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import zstandard
from msgspec.structs import replace

from carerecord.contracts.bulk import (
    Export,
    ExportAsked,
    ExportNamed,
    ExportRowsAsked,
    Load,
    LoadAsked,
    LoadFaultsAsked,
    LoadNamed,
    LoadPart,
)
from carerecord.contracts.holdings import (
    ANSWERS,
    ASIDE,
    COUNTS,
    DECIDE_ASIDE,
    EVERYTHING,
    EXPORT,
    EXPORT_CANCEL,
    EXPORT_ROWS,
    EXPORT_STATE,
    HISTORY,
    LOAD,
    LOAD_CANCEL,
    LOAD_FAULTS,
    LOAD_PART,
    LOAD_STATE,
    NEWEST,
    NOTE,
    PEOPLE_KEPT,
    PRESENT,
    READ,
    RECORD,
    REINDEX,
    SEARCH,
    SEARCHES,
    VEIL,
    WATCHABLE,
    WRITE,
    AsideAsked,
    Change,
    Client,
    DecideAsideAsked,
    EverythingAsked,
    FindAsked,
    FindsAsked,
    HeldCountsAsked,
    HistoryAsked,
    KeptEntry,
    NoteAsked,
    PeopleKeptAsked,
    PresentAsked,
    Reach,
    ReadAsked,
    RecordAsked,
    ReindexAsked,
    WriteAsked,
)
from carerecord.contracts.identity import (
    ADD_CLIENT,
    BEARER,
    CLIENTS,
    ISSUE,
    REVOKE_CLIENT,
    TOKEN,
    AddClientAsked,
    BearerAsked,
    ClientAdded,
    ClientsAsked,
    IssueAsked,
    RevokeClientAsked,
    Token,
    TokenAsked,
)
from carerecord.contracts.permit import Grant, Permit
from carerecord.contracts.veils import Hung, VeilAsked
from carerecord.contracts.watches import Answering, AnswersAsked, Changed, Watch, WatchableAsked
from carerecord.holdings import api as holdings
from carerecord.identity import api as identity
from carerecord.kit.clock import SystemClock
from carerecord.kit.part import Part
from carerecord.kit.permits import sealed
from carerecord.kit.tokens import keys_for
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import SECRET, Said, agree

TRUST = Client("trust", "R9A", "Aldermoor", chooses_ids=True)
PERSON = msgspec.Raw(b'{"resourceType":"Patient","id":"p1","birthDate":"1948-03-02","multipleBirthInteger":2}')
RESULT = msgspec.Raw(
    b'{"resourceType":"Observation","status":"final","code":{"text":"K"},"subject":{"reference":"Patient/p1"},'
    b'"valueQuantity":{"value":1.10}}'
)


async def test_holdings(service_database, tmp_path: Path):
    async def make(_: AsyncExitStack) -> Part:
        return holdings.build(supplies_for("holdings", await service_database("holdings"), data_dir=tmp_path))

    every = Reach()
    watches = (Watch((("birthdate", "1948"),), every), Watch((), Reach(("List",))))
    several = tuple(FindAsked("Observation", ((name, "p1"),), every) for name in ("patient", "colour"))
    answers = await agree(
        make,
        [
            (WRITE, WriteAsked(TRUST, every, (Change("update", "Patient", "p1", PERSON),))),
            (WRITE, WriteAsked(TRUST, every, (Change("create", "Observation", raw=RESULT),))),
            (WRITE, WriteAsked(TRUST, every, (Change("create", "Observation", raw=PERSON),))),
            (READ, ReadAsked("Patient", "p1", every, client=TRUST)),
            (READ, ReadAsked("Patient", "nobody", every)),
            (SEARCH, FindAsked("Observation", (("patient", "p1"),), every)),
            (SEARCH, FindAsked("Observation", (("colour", "red"),), every)),
            (HISTORY, HistoryAsked(every, "Patient", "p1")),
            (EVERYTHING, EverythingAsked("p1", every)),
            (COUNTS, HeldCountsAsked(every)),
            (REINDEX, ReindexAsked("Patient", "name")),
            (ASIDE, AsideAsked()),
            (NOTE, NoteAsked("patient-matched", TRUST, ("p1",))),
            (DECIDE_ASIDE, DecideAsideAsked("none", True, "to try")),
            (ANSWERS, AnswersAsked("Patient", (Changed("p1", 1), Changed("p1", 7)), watches)),
            (WATCHABLE, WatchableAsked("Observation", (("code", "2823-3"),))),
            (WATCHABLE, WatchableAsked("Observation", (("patient.name", "Marlow"),))),
            (SEARCHES, FindsAsked(several, TRUST)),
            (VEIL, VeilAsked()),
            (VEIL, VeilAsked((Hung("o1", ("p1",), ("9990000018",), ("results",)),), 7)),
            (VEIL, VeilAsked((Hung("restricted/n1", ("p1",), places=True),), restricted_upto=3)),
            (READ, ReadAsked("Patient", "p1", Reach(veiled_for="R9A"), client=TRUST)),
            (SEARCH, FindAsked("Observation", (("patient", "p1"),), Reach(veiled_for="R9A"))),
            (HISTORY, HistoryAsked(Reach(veiled_for="R9A"), "Observation")),
        ],
    )
    refused = {place: each.error for place, each in enumerate(answers) if each.error}
    assert refused == {4: "NotFound", 6: "NotUnderstood", 13: "NotFound", 16: "NotUnderstood"}
    told = msgspec.json.decode(answers[14].chunks[0], type=tuple[Answering, ...])
    assert [each.answers for each in told] == [(True, False), (False, False)]
    assert b"1.10" in answers[5].chunks[0]


async def test_what_is_kept_of_one_person(service_database, tmp_path: Path):
    async def make(_: AsyncExitStack) -> Part:
        return holdings.build(supplies_for("holdings", await service_database("holdings"), data_dir=tmp_path))

    grant, now = Grant("epr", "results"), SystemClock().now().timestamp()
    bare = Permit("a", "R9A", "gp", ("n1",), "direct-care", "test/1", (grant,), (), now, now + 60)
    permit = sealed(bare, keys_for(SECRET, "policy", ("holdings",), ()), ("holdings",))
    sender, entries = replace(TRUST, source="epr"), (KeptEntry("epr", ("p1",)),)
    answers = await agree(
        make,
        [
            (WRITE, WriteAsked(sender, Reach(), (Change("update", "Patient", "p1", PERSON),))),
            (WRITE, WriteAsked(sender, Reach(), (Change("create", "Observation", raw=RESULT),))),
            (RECORD, RecordAsked(permit, entries, (grant,))),
            (PRESENT, PresentAsked(entries)),
            (RECORD, RecordAsked(bare, entries, (grant,))),
            (RECORD, RecordAsked(permit, entries, (grant,), ("Observation", "nobody"))),
            (NEWEST, RecordAsked(permit, entries, (grant,))),
            (NEWEST, RecordAsked(bare, entries, (grant,))),
            (PEOPLE_KEPT, PeopleKeptAsked(("p1", "nobody"), ("9990000018",))),
        ],
    )
    assert [each.error for each in answers] == ["", "", "", "", "Refused", "NotFound", "", "Refused", ""]
    assert b"1.10" in answers[2].chunks[0]


async def test_exports(service_database, tmp_path: Path):
    async def make(_: AsyncExitStack) -> Part:
        return holdings.build(supplies_for("holdings", await service_database("holdings"), data_dir=tmp_path))

    def named(told: list[Said]) -> str:
        return msgspec.json.decode(told[0].chunks[0], type=Export).id

    answers = await agree(
        make,
        [
            (EXPORT, ExportAsked("system", Reach(), client=TRUST)),
            (EXPORT, ExportAsked("group", Reach(), "nobody", client=TRUST)),
            (EXPORT_STATE, lambda told: ExportNamed(named(told), TRUST)),
            (EXPORT_STATE, lambda told: ExportNamed(named(told), Client("another"))),
            (EXPORT_ROWS, lambda told: ExportRowsAsked(named(told), 1, Reach(), TRUST)),
            (EXPORT_CANCEL, lambda told: ExportNamed(named(told), TRUST)),
        ],
    )
    assert [each.error for each in answers] == ["", "NotFound", "", "NotFound", "NotFound", ""]


async def test_imports(service_database, tmp_path: Path):
    async def make(_: AsyncExitStack) -> Part:
        return holdings.build(supplies_for("holdings", await service_database("holdings"), data_dir=tmp_path))

    def named(told: list[Said]) -> str:
        return msgspec.json.decode(told[0].chunks[0], type=Load).id

    packed = zstandard.ZstdCompressor().compress(bytes(PERSON))
    answers = await agree(
        make,
        [
            (LOAD, LoadAsked(Reach(), TRUST)),
            (LOAD_PART, lambda told: LoadPart(named(told), 0, 1, packed, TRUST)),
            (LOAD_PART, lambda told: LoadPart(named(told), 5, 9, packed, TRUST)),
            (LOAD_STATE, lambda told: LoadNamed(named(told), TRUST)),
            (LOAD_STATE, lambda told: LoadNamed(named(told), Client("another"))),
            (LOAD_FAULTS, lambda told: LoadFaultsAsked(named(told), TRUST)),
            (LOAD_CANCEL, lambda told: LoadNamed(named(told), TRUST)),
        ],
    )
    assert [each.error for each in answers] == ["", "", "Conflict", "", "NotFound", "", ""]


async def test_clients(service_database, tmp_path: Path):
    (tmp_path / "providers").mkdir()

    async def make(_: AsyncExitStack) -> Part:
        return identity.build(supplies_for("identity", await service_database("identity"), data_dir=tmp_path))

    answers = await agree(
        make,
        [
            (ADD_CLIENT, AddClientAsked("Aldermoor EPR", "R9A", ("system/*.cruds",))),
            (ADD_CLIENT, AddClientAsked("Aldermoor EPR", "R9A", ("user/*.cruds",))),
            (CLIENTS, ClientsAsked()),
            (TOKEN, lambda told: TokenAsked("client_credentials", "", _added(told).client.id, _added(told).secret)),
            (TOKEN, lambda told: TokenAsked("client_credentials", "", _added(told).client.id, "guessed")),
            (BEARER, lambda told: BearerAsked(msgspec.json.decode(told[3].chunks[0], type=Token).access_token)),
            (ISSUE, lambda told: IssueAsked(_added(told).client.id, 60.0)),
            (REVOKE_CLIENT, lambda told: RevokeClientAsked(_added(told).client.id)),
            (BEARER, lambda told: BearerAsked(msgspec.json.decode(told[3].chunks[0], type=Token).access_token)),
        ],
    )
    errors = ["", "NotAcceptable", "", "", "NotSignedIn", "", "", "", "NotSignedIn"]
    assert [each.error for each in answers] == errors


def _added(answers: list[Said]) -> ClientAdded:
    return msgspec.json.decode(answers[0].chunks[0], type=ClientAdded)
