"""Who asks holdings, what may they touch, and what are they told is wrong?"""

from msgspec import Struct


class Client(Struct, frozen=True):
    """Who asks: a system or an app, or a service of ours on somebody's behalf."""

    id: str = ""  # "" = the platform itself
    organisation: str = ""  # ODS: whose data key seals what it writes
    name: str = ""  # for the audit book
    chooses_ids: bool = False  # may create under an id of its own (PUT)
    must_match: bool = False  # an update without If-Match is refused
    on_invalid: str = "refuse"  # refuse | annotate | quarantine
    source: str = ""  # the registered source in whose name it writes; what bears none is shown in no person's record


class Reach(Struct, frozen=True):
    """Which resources this question may touch; applied to each row before anything is counted or paged."""

    types: tuple[str, ...] = ("*",)
    patients: tuple[str, ...] | None = None  # ids of Patient resources; None = any
    most_confidential: str = "R"  # of v3-Confidentiality U < L < M < N < R < V: nothing above it is seen
    veiled_for: str | None = None  # the organisation from which objections keep things back; None: our own work, shown to nobody


class Issue(Struct, frozen=True, omit_defaults=True):
    """What is wrong or worth knowing, without a word of what was sent."""

    severity: str  # error | warning | information
    code: str  # IssueType of FHIR
    path: str  # FHIRPath, "" = the whole
    says: str
