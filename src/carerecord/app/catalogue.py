"""Who is at home in this house, on which floor, whom may each ask, and whom does each hear?

This table is the one statement of it. The wiring, the service credentials, `carerecord catalogue`, the import contracts and the
tests in `tests/house` are held to it.
"""

from dataclasses import dataclass
from pathlib import Path

import carerecord

_HOME = Path(carerecord.__file__).parent
KIT_MIGRATIONS = _HOME / "kit" / "migrations"


@dataclass(frozen=True)
class Service:
    name: str  # the folder, the URL prefix, the database, the target, the log field
    floor: int  # 2 keepers · 3 judge and porter · 4 desks · 5 faces
    calls: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()  # of events that it hears; empty: every kind
    keeps: bool = True  # has a database of its own
    face: bool = False  # serves people or outside systems at the front door
    without: str = ""  # what people meet while it is down
    at: str = "/"  # a face: the first part of the paths that it answers at the front door

    @property
    def migrations(self) -> tuple[Path, ...]:
        """The folders of its database: the outbox's, then its own."""
        return (KIT_MIGRATIONS, _HOME / self.name / "migrations") if self.keeps else ()


CATALOGUE: tuple[Service, ...] = (
    Service("identity", 2, without="Nobody signs in and no page opens: who asks cannot be known."),
    Service("sources", 2, without="Records open from the sources that the desk knows; one that has just started refuses."),
    Service("patients", 2, without="Search fails and says so; who treats opens by exact NHS number and birth date."),
    Service(
        "locator",
        2,
        hears=("holdings",),
        kinds=("Kept",),
        without="Every source that may know the person is asked, and the page says so.",
    ),
    Service("consent", 2, without="Every opening is refused, and it says that the consent service does not answer."),
    Service("holdings", 2, without="Nothing is kept or read of what is kept; live sources answer, and copies are named."),
    Service(
        "audit",
        2,
        hears=("identity", "sources", "patients", "consent", "holdings", "ingest", "records", "subscriptions"),
        kinds=("Line",),
        without="Records open; lines wait where they were written. Who looked cannot be read until it is back.",
    ),
    Service(
        "policy",
        3,
        calls=("consent", "sources"),
        keeps=False,
        without="Every search and every opening is refused, and it says so.",
    ),
    Service(
        "ingest",
        3,
        calls=("patients", "sources", "locator", "holdings", "audit"),
        hears=("holdings",),
        kinds=("Kept",),
        without="Records open; no further source's people become findable, and who sends messages keeps them until it is back.",
    ),
    Service(
        "records",
        4,
        calls=("patients", "locator", "policy", "sources", "holdings"),
        without="People are found; no record opens, and the page says that the records service does not answer.",
    ),
    Service(
        "subscriptions",
        4,
        calls=("identity", "holdings", "patients", "policy"),
        hears=("holdings",),
        kinds=("Kept",),
        without="No system is told that something changed; what changes meanwhile is told once it is back.",
    ),
    Service(
        "viewer",
        5,
        calls=("identity", "patients", "records", "sources", "ingest", "audit", "policy", "consent"),
        keeps=False,
        face=True,
        without="No page opens; everything behind it goes on.",
    ),
    Service(
        "exchange",
        5,
        calls=("identity", "holdings", "patients", "records", "ingest", "consent", "audit", "sources", "subscriptions", "policy"),
        keeps=False,
        face=True,
        without="No system is answered by the FHIR API; pages open.",
        at="/fhir",
    ),
)

OPERATOR = "operator"  # whoever owns the data folder, at the command line
OPERATOR_ASKS = ("sources", "ingest", "audit", "identity", "holdings", "subscriptions")

NAMES: tuple[str, ...] = tuple(service.name for service in CATALOGUE)


def service(name: str) -> Service:
    """The row of this service.

    Raises:
        LookupError: there is none, and these are the names.
    """
    for each in CATALOGUE:
        if each.name == name:
            return each
    raise LookupError(f"{name} is not a service; they are: {', '.join(NAMES)}")


def callers_of(name: str) -> frozenset[str]:
    """Who has leave to knock at this door."""
    operator = {OPERATOR} if name in OPERATOR_ASKS else set()
    return frozenset({each.name for each in CATALOGUE if name in each.calls} | operator)


def hearers_of(name: str) -> tuple[str, ...]:
    return tuple(each.name for each in CATALOGUE if name in each.hears)


def kinds_heard(name: str) -> tuple[str, ...]:
    return service(name).kinds


def chosen(targets: str) -> tuple[Service, ...]:
    """The services that `--target` names, in the order of the floors: "all", or names with commas.

    Raises:
        LookupError: a name that is not in the catalogue.
    """
    wanted = set(NAMES) if targets == "all" else {service(each.strip()).name for each in targets.split(",")}
    return tuple(each for each in CATALOGUE if each.name in wanted)
