"""What the registry of sources may be asked: who takes part, how is each reached, what does it share?"""

from typing import Final

from msgspec import Struct

from carerecord.contracts.actors import Actor
from carerecord.kit.question import Question


class SharedSection(Struct, frozen=True):
    """One section that a source shares, how it takes part, and to whom it is open now."""

    section: str
    arrangement: str = "live"  # live | copy | both | master
    stage: str = "everyone"  # off | safety-testers | organisations | everyone, from narrow to wide
    organisations: tuple[str, ...] = ()  # ODS codes, where the stage is organisations
    ceiling: str = "everyone"  # the widest stage that the file allows

    def open_to(self, actor: Actor, *, tester: bool) -> bool:
        """Whether this actor may be shown it. What a safety tester sees is never less than what others see."""
        if self.stage == "everyone":
            return True
        named = self.stage == "organisations" and actor.organisation in self.organisations
        return named or (tester and self.stage in ("safety-testers", "organisations"))


class Repository(Struct, frozen=True):
    """An XDS.b document repository."""

    id: str  # its repositoryUniqueId, an OID
    address: str


KINDS: Final = (
    "gp", "acute", "emergency", "pathology", "radiology", "maternity", "mental-health", "community", "health-visiting",
    "social-care", "care-home", "ambulance", "pharmacy", "hospice", "out-of-hours", "sexual-health", "demographics",
)  # fmt: skip


class Source(Struct, frozen=True):
    """One system of one organisation that takes part."""

    id: str  # a short key, unique in the region: "elm-bank"
    organisation: str  # ODS code
    organisation_name: str
    name: str  # what pages call it: "Elm Bank Surgery"
    mark: str  # two letters: "GP"
    kind: str  # one of KINDS: rules of policy and pages go by it
    connector: str  # fhir_r4 | gp_connect | rest_json | documents | pds | none (it is not asked: it sends)
    address: str  # of gp_connect: the directory (SDS) in which the practice's own is found
    credentials: str = ""  # the name of a secret, never the secret
    token_address: str = ""
    client_id: str = ""
    ca_file: str = ""
    knows_by: str = "local"  # nhs-number | local | match
    number_system: str = ""  # identifier system of its local numbers
    asks: str = "search"  # search: one request a type; everything: Patient/$everything with _type; documents: mhd | xds
    sections: tuple[SharedSection, ...] = ()
    deadline_s: float = 8.0
    page_size: int = 100
    most_pages: int = 20
    most_bytes: int = 20_000_000
    phone: str = ""  # for a person to ring when it is silent
    enrol_every_s: float = 0.0  # 0 = only when told
    copy_good_s: float = 0.0  # what is kept of a person is called out of date when nothing newer came for so long; 0 = never
    retired: bool = False
    # GP Connect alone:
    asid: str = ""  # ours, twelve digits: the accredited system in whose name is asked
    asids: tuple[tuple[str, str], ...] = ()  # … of an organisation's own users: its ODS code, its ASID
    proxy: str = ""  # the Spine Secure Proxy; "" = practices are reached at the address that the directory gives
    areas: tuple[str, ...] = ()  # those that it offers, spelled as it spells them; () = all, as the specification spells them
    any_practice: bool = False  # true: whichever practice a person is registered with, where it has no table of its own
    certificate_file: str = ""  # our certificate and key (PEM), where the other end wants one
    # The connectors rest_json and documents alone:
    mapping: str = ""  # the text of the supplier's mapping; in the registry's file, the name of a file in its folder `mappings`
    repositories: tuple[Repository, ...] = ()  # by XDS.b: where each repository is that the registry names

    def shares(self, section: str) -> bool:
        return any(shared.section == section for shared in self.sections)


class Sender(Struct, frozen=True):
    """A system, or a trust's engine for many, that sends HL7 v2 messages: how it is known, and how it writes.

    What differs from hospital to hospital stands here as data, so that a new one is a table and not a program.
    """

    id: str  # a short key, unique in the region: "fenwick-pas"
    source: str  # the source in whose name its messages are filed
    organisation: str = ""  # ODS code; left out: the source's
    name: str = ""  # what pages call it; left out: the source's name
    sends_as: tuple[tuple[str, str], ...] = ()  # pairs of MSH-3 and MSH-4 that it may use; "*" stands for any
    certificates: tuple[str, ...] = ()  # "sha256:" and the fingerprint of its client certificate, or "subject:" and CN=…,O=…
    clients: tuple[str, ...] = ()  # clients of the FHIR API that may send for it over HTTP
    # How it wants to be answered:
    acknowledge: str = "as-asked"  # as-asked: by MSH-15 and MSH-16; original: always AA, AE or AR
    unable: str = "AR"  # what it is told where a message could not be made durable: AR | AE | silence
    silent_after_s: float = 0.0  # flagged when nothing came for so long; 0: learnt from its own rhythm
    # How it writes:
    number_system: str = ""  # identifier system of local numbers whose authority stands in no table; left out: the source's
    authorities: tuple[tuple[str, str], ...] = ()  # pairs of CX.4 and the identifier system it means
    systems: tuple[tuple[str, str], ...] = ()  # pairs of a local code system's name and its URI
    visit_number: str = "PV1-19"  # the field that holds it
    zone: str = "Europe/London"  # of times that say none
    charset: str = ""  # of messages whose MSH-18 is empty; left out: UTF-8, and where it is none Windows-1252
    mapping: str = ""  # of the rows of its extracts: as a source's; left out: the source's own
    retired: bool = False


class Tester(Struct, frozen=True):
    """Somebody who looks at a source's answers before others do, named in the registry's files."""

    id: str
    name: str
    organisation: str  # ODS code
    issuer: str  # with the subject: who signs in as this person
    subject: str

    @property
    def key(self) -> str:
        return f"{self.issuer}|{self.subject}"


class Registry(Struct, frozen=True):
    version: str
    sources: tuple[Source, ...]
    always_ask: tuple[str, ...] = ("allergies", "medicines", "plans")  # any source that shares one of these is never skipped
    problems: tuple[str, ...] = ()  # files or tables that could not be read, in plain words
    testers: tuple[Tester, ...] = ()
    modules: tuple[str, ...] = ()  # those that are served; none: all there are
    served: tuple[str, ...] = ()  # the sections that they bring; none: all there are
    senders: tuple[Sender, ...] = ()  # who sends messages
    copies_of: tuple[str, ...] = ()  # modules that are switched off, and of which copies are still read

    def is_tester(self, actor: Actor) -> bool:
        return actor.role.code == "clinical-safety-officer" or any(each.key == actor.key for each in self.testers)

    def closed_to(self, actor: Actor) -> frozenset[tuple[str, str]]:
        """Source and section of all that is not open to this actor."""
        tester = self.is_tester(actor)
        return frozenset(
            (source.id, each.section)
            for source in self.sources
            for each in source.sections
            if each.stage != "everyone" and not each.open_to(actor, tester=tester)
        )


class RegistryAsked(Struct, frozen=True):
    known_version: str = ""


class RegistryAnswer(Struct, frozen=True):
    registry: Registry | None  # None: nothing newer than the version known


class Check(Struct, frozen=True):
    what: str
    ok: bool
    says: str  # plain words, and what to do when it is wrong
    elapsed_s: float = 0.0


class Certificate(Struct, frozen=True):
    """What a system showed when a probe asked who it is."""

    good_until: str
    trusted: bool = True
    says: str = ""  # why it is not trusted


class Probe(Struct, frozen=True):
    """What one probe found. It is kept, and is the evidence with which a section is opened."""

    source: str
    ok: bool
    checks: tuple[Check, ...]
    id: str = ""
    at: str = ""
    by: str = ""  # the name of who asked for it
    certificate: Certificate | None = None  # None: the way there is not encrypted, or nobody answered


class ProbeAsked(Struct, frozen=True):
    source: str
    actor: Actor | None = None  # None: whoever owns the data folder, at the command line


class StageAsked(Struct, frozen=True):
    """Open a section of a source wider, or narrow it.

    Wider needs the id of a passing probe of the source as it is reached now. `actor` is a clinical safety officer or a named
    tester; without one, `tester` is the id of a named tester for whom the owner of the data folder speaks.
    """

    source: str
    section: str  # a section that it shares, or "all"
    stage: str
    organisations: tuple[str, ...] = ()
    evidence: str = ""  # the id of a probe
    actor: Actor | None = None
    tester: str = ""


class Staged(Struct, frozen=True):
    source: str
    sections: tuple[SharedSection, ...]  # all of the source, as they stand now


class CodeCount(Struct, frozen=True):
    """How many items came with no code of a system that pages know, by the system that they did come with."""

    system: str  # "": words alone, without any code
    count: int


class SectionSeen(Struct, frozen=True):
    section: str
    asked: int  # openings in which it was asked for
    answered: int  # … and said what it holds, or that it holds nothing
    held: int  # … and held something


class Observed(Struct, frozen=True):
    """What openings saw of one source, added up. Numbers alone: nobody in it, and nothing clinical."""

    source: str
    asked: int
    answered: int
    sections: tuple[SectionSeen, ...] = ()
    waits: tuple[tuple[int, int], ...] = ()  # step of a waiting time (see `sources.waits`), and how many answers took that long
    last_answer: str = ""
    unmapped: tuple[CodeCount, ...] = ()


class ObservedAsked(Struct, frozen=True):
    """Told by records, every now and then: what openings have seen since it last told."""

    observed: tuple[Observed, ...]


class Noted(Struct, frozen=True):
    count: int


class BoardSection(Struct, frozen=True):
    shared: SharedSection
    seen: SectionSeen
    stage_by: str = ""  # who set the stage; "": the registry's file says it
    stage_at: str = ""
    evidence: str = ""  # the id of the probe with which it was opened


class BoardSource(Struct, frozen=True):
    """How far one source is, on the way from connected to open to everyone."""

    id: str
    name: str
    organisation: str
    organisation_name: str
    mark: str
    kind: str
    connector: str
    sections: tuple[BoardSection, ...]
    retired: bool = False
    probe: Probe | None = None  # the last one
    evidence: str = ""  # the id of the newest probe that would open a section now; "": there is none
    asked: int = 0
    answered: int = 0
    p50_s: float | None = None  # None: it has not answered yet
    p95_s: float | None = None
    last_answer: str = ""
    unmapped: tuple[CodeCount, ...] = ()


class Board(Struct, frozen=True):
    at: str
    since: str  # numbers count from here
    sources: tuple[BoardSource, ...]
    problems: tuple[str, ...]
    evidence_days: int  # for how long a probe is evidence


class BoardAsked(Struct, frozen=True):
    pass


REGISTRY = Question("sources", "registry", RegistryAsked, RegistryAnswer)
PROBE = Question("sources", "probe", ProbeAsked, Probe)
STAGE = Question("sources", "stage", StageAsked, Staged)
OBSERVED = Question("sources", "observed", ObservedAsked, Noted)
BOARD = Question("sources", "board", BoardAsked, Board)
