"""What is said of very much at once: exports, which are read as of one moment, and imports, which are filed line by line?"""

from msgspec import Raw, Struct

from carerecord.contracts.clients import Client, Issue, Reach


class ExportAsked(Struct, frozen=True):
    """Begin an export of what stands at this moment: of all, of people's records, or of the members of a group."""

    of: str  # system | patient | group
    reach: Reach
    group: str = ""  # id of the Group
    patients: tuple[str, ...] = ()  # of those, these alone
    types: tuple[str, ...] = ()  # none named: all within reach
    since: str = ""  # written since; deletions since are told too
    filters: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()  # a type and a query; of one type one must hold
    address: str = ""  # what the client asked, for the manifest
    base: str = ""
    client: Client = Client()
    request: str = ""


class ExportFile(Struct, frozen=True, omit_defaults=True):
    number: int
    type: str
    rows: int
    gone: bool = False  # tells of deletions, as transaction Bundles


class Export(Struct, frozen=True, omit_defaults=True):
    """How far an export is. Nothing of it lies anywhere: a file is read from the store, as of the moment, when it is fetched."""

    id: str
    state: str  # waiting | running | done | failed | ended
    at: str  # the moment: what was written later is not in it
    ends_at: str  # from then on its files are gone
    address: str = ""
    records: int = 0  # gone through so far
    files: tuple[ExportFile, ...] = ()  # once it is done


class ExportNamed(Struct, frozen=True):
    """One export of this client; another client's is not found."""

    export: str
    client: Client
    request: str = ""


class ExportRowsAsked(Struct, frozen=True):
    export: str
    number: int
    reach: Reach  # of now: what it does not cover any more is left out
    client: Client
    cursor: str = ""
    request: str = ""


class ExportRows(Struct, frozen=True):
    rows: tuple[Raw, ...]
    next: str  # "" = these are the last
    mark: str = ""  # with the first rows: changes when labels that came later hide more; equal marks mean equal bytes
    type: str = ""  # of what is in the file; "" = a service of an older build does not say


class LoadAsked(Struct, frozen=True):
    """Begin an import. Its lines follow in parts, and are filed when all have come."""

    reach: Reach
    client: Client
    closed: tuple[str, ...] = ()  # types that another service keeps
    request: str = ""


class LoadPart(Struct, frozen=True):
    """Whole lines, some megabytes at most, packed by Zstandard; one that was left out is an empty line."""

    load: str
    number: int  # from 0, without a gap
    first_line: int  # from 1
    packed: bytes
    client: Client
    too_long: tuple[int, ...] = ()  # numbers of lines that were left out, since no resource is so long
    last: bool = False
    lines: int = 0  # with the last: how many there were


class LoadNamed(Struct, frozen=True):
    """One import of this client; another client's is not found."""

    load: str
    client: Client
    request: str = ""


class Load(Struct, frozen=True, omit_defaults=True):
    id: str
    state: str  # receiving | running | done | failed | ended
    at: str
    lines: int = 0
    read: int = 0  # lines that have been looked at
    kept: int = 0
    refused: int = 0
    told: int = 0  # of the refused, how many are told line by line: the first ones
    ends_at: str = ""


class LoadFaultsAsked(Struct, frozen=True):
    load: str
    client: Client
    after: int = 0  # told already: those up to this line
    request: str = ""


class LoadFaults(Struct, frozen=True):
    """Which lines were not kept, and why: never a word of what they said."""

    faults: tuple[tuple[int, int, tuple[Issue, ...]], ...]  # line, status, why
    next: int = 0  # 0 = these are the last
