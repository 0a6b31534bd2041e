"""Where does real input go? Six more sources, each the whole of several American organisations."""

from carerecord.region.organisations.systems import GP_SECTIONS, system
from carerecord.region.shapes import Organisation, OrganisationKind, System, SystemKind

_REAL: tuple[tuple[str, str, OrganisationKind, str], ...] = (
    ("A99951", "Hollin Practice", "gp", "Hollin Lane"),
    ("A99952", "Beckfoot Practice", "gp", "Beckfoot"),
    ("R9J", "Scarside Hospital", "acute", "Scar Road"),
    ("R9K", "Whinfell Hospital", "acute", "Whinfell Way"),
    ("R9L", "Garth Community Clinic", "community", "The Garth"),
    ("R9N", "Lowther Clinic", "community", "Lowther Row"),
)
REAL_ORGANISATIONS: tuple[Organisation, ...] = tuple(
    Organisation(ods, name, kind, f"01632 960 {900 + place * 10}", f"01632 960 {904 + place * 10}", (street, "Aldermoor"),
                 f"ZZ9 {place + 1}RI")
    for place, (ods, name, kind, street) in enumerate(_REAL)
)  # fmt: skip
_REAL_KINDS: dict[str, SystemKind] = {"gp": "gp", "acute": "hospital"}
REAL_SYSTEMS: tuple[System, ...] = tuple(
    system(f"real-{organisation.name.split()[0].lower()}", organisation.ods, organisation.name, f"R{place}",
            _REAL_KINDS.get(organisation.kind, "community"), 0.2, GP_SECTIONS, "nhs-number", page_size=100)
    for place, organisation in enumerate(REAL_ORGANISATIONS, 1)
)  # fmt: skip
ODS_OF_REAL = {system.key: system.ods for system in REAL_SYSTEMS}
