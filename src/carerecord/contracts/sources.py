"""What the registry of sources may be asked: who takes part, how is each reached, what does it share?"""

from msgspec import Struct

from carerecord.kit.question import Question


class SharedSection(Struct, frozen=True):
    section: str
    arrangement: str = "live"  # live | copy | both | master


class Source(Struct, frozen=True):
    """One system of one organisation that takes part."""

    id: str  # a short key, unique in the region: "elm-bank"
    organisation: str  # ODS code
    organisation_name: str
    name: str  # what pages call it: "Elm Bank Surgery"
    mark: str  # two letters: "GP"
    # gp | acute | emergency | pathology | radiology | mental-health | community | social-care | ambulance | hospice | pharmacy |
    # maternity
    kind: str
    connector: str  # fhir_r4 | gp_connect | pds
    address: str  # of gp_connect: the directory (SDS) in which the practice's own is found
    credentials: str = ""  # the name of a secret, never the secret
    token_address: str = ""
    client_id: str = ""
    ca_file: str = ""
    knows_by: str = "local"  # nhs-number | local | match
    number_system: str = ""  # identifier system of its local numbers
    asks: str = "search"  # search: one request a type; everything: Patient/$everything with _type
    sections: tuple[SharedSection, ...] = ()
    deadline_s: float = 8.0
    page_size: int = 100
    most_pages: int = 20
    most_bytes: int = 20_000_000
    phone: str = ""  # for a person to ring when it is silent
    enrol_every_s: float = 0.0  # 0 = only when told
    retired: bool = False
    # GP Connect alone:
    asid: str = ""  # ours, twelve digits: the accredited system in whose name is asked
    proxy: str = ""  # the Spine Secure Proxy; "" = practices are reached at the address that the directory gives
    areas: tuple[str, ...] = ()  # those that it offers, spelled as it spells them; () = all, as the specification spells them
    any_practice: bool = False  # true: whichever practice a person is registered with, where it has no table of its own
    certificate_file: str = ""  # our certificate and key (PEM), where the other end wants one

    def shares(self, section: str) -> bool:
        return any(shared.section == section for shared in self.sections)


class Registry(Struct, frozen=True):
    version: str
    sources: tuple[Source, ...]
    always_ask: tuple[str, ...] = ("allergies", "medicines", "plans")  # any source that shares one of these is never skipped
    problems: tuple[str, ...] = ()  # files or tables that could not be read, in plain words


class RegistryAsked(Struct, frozen=True):
    known_version: str = ""


class RegistryAnswer(Struct, frozen=True):
    registry: Registry | None  # None: nothing newer than the version known


class Check(Struct, frozen=True):
    what: str
    ok: bool
    says: str  # plain words, and what to do when it is wrong
    elapsed_s: float = 0.0


class Probe(Struct, frozen=True):
    source: str
    ok: bool
    checks: tuple[Check, ...]


class ProbeAsked(Struct, frozen=True):
    source: str


REGISTRY = Question("sources", "registry", RegistryAsked, RegistryAnswer)
PROBE = Question("sources", "probe", ProbeAsked, Probe)
