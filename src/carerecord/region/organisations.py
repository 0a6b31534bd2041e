"""Which organisations, systems and users does the pretend region have?

All of it is invented. ODS codes have the right form for their kind but were never issued; telephone numbers are in the
ranges that Ofcom keeps for drama; postcodes use the area ZZ, which Royal Mail does not use.
"""

from carerecord.region.shapes import IdentityProvider, Organisation, OrganisationKind, Role, RoleProfile, System, User

ELM_BANK, QUAYSIDE, KIRKGATE = "A99917", "A99924", "A99931"
ALDERMOOR, FENWICK = "R9A", "R9F"
AMBULANCE, COMMUNITY, MENTAL_HEALTH = "R9M", "R9C", "R9V"
HOSPICE, COUNCIL, PHARMACY, BOARD = "8HX91", "991", "FZ991", "QZ9"

ORGANISATIONS: tuple[Organisation, ...] = (
    Organisation(ELM_BANK, "Elm Bank Surgery", "gp", "01632 960 110", "01632 960 114",
                 ("Elm Bank", "Aldermoor"), "ZZ1 1EB", "primary-care"),
    Organisation(QUAYSIDE, "Quayside Surgery", "gp", "01632 960 120", "01632 960 124",
                 ("3 Quayside", "Fenwick"), "ZZ4 2QS", "primary-care"),
    Organisation(KIRKGATE, "Kirkgate Medical Group", "gp", "01632 960 130", "01632 960 134",
                 ("21 Kirkgate", "North Fells"), "ZZ7 3KG", "primary-care"),
    Organisation(ALDERMOOR, "Aldermoor University Hospitals", "acute", "01632 960 200", "01632 960 204",
                 ("Infirmary Road", "Aldermoor"), "ZZ1 9AH", "aldermoor"),
    Organisation(FENWICK, "Fenwick General Hospital", "acute", "01632 960 300", "01632 960 304",
                 ("Harbour Way", "Fenwick"), "ZZ4 9FG"),
    Organisation(AMBULANCE, "North Fells Ambulance", "ambulance", "01632 960 400", "01632 960 404",
                 ("Station Yard", "North Fells"), "ZZ7 9AM"),
    Organisation(COMMUNITY, "Aldermoor Community Health", "community", "01632 960 500", "01632 960 504",
                 ("Mill Lane", "Aldermoor"), "ZZ1 8CH"),
    Organisation(MENTAL_HEALTH, "Calder Vale Mental Health", "mental-health", "01632 960 600", "01632 960 604",
                 ("Calder House", "Aldermoor"), "ZZ2 8MH"),
    Organisation(HOSPICE, "St Oswin's Hospice", "hospice", "01632 960 650", "01632 960 654",
                 ("Abbey Walk", "Aldermoor"), "ZZ2 7HO"),
    Organisation(COUNCIL, "Aldermoor Council", "council", "01632 960 700", "01632 960 704",
                 ("Town Hall", "Aldermoor"), "ZZ1 7SC", "council"),
    Organisation(PHARMACY, "Hartley Pharmacy", "pharmacy", "01632 960 750", "01632 960 754",
                 ("8 Market Place", "Aldermoor"), "ZZ1 6RX", "primary-care"),
    Organisation(BOARD, "Fells and Harbour Integrated Care Board", "board", "01632 960 800", "01632 960 804",
                 ("Exchange House", "Aldermoor"), "ZZ1 5QZ", "primary-care"),
)  # fmt: skip

PROVIDERS: tuple[IdentityProvider, ...] = (
    IdentityProvider("aldermoor", ALDERMOOR, "Aldermoor University Hospitals"),
    IdentityProvider("primary-care", BOARD, "Primary care in Fells and Harbour"),
    IdentityProvider("council", COUNCIL, "Aldermoor Council"),
)

_GP = ("allergies", "medicines", "problems", "results", "observations", "encounters", "immunisations",
       "procedures", "documents", "plans", "appointments", "alerts", "adjustments", "professionals", "social",
       "other")  # fmt: skip
_WARD = ("alerts", "adjustments", "allergies", "medicines", "problems", "observations", "encounters",
         "procedures", "documents", "plans", "appointments", "professionals")  # fmt: skip

def _system(
    key: str, ods: str, name: str, mark: str, kind: str, latency_s: float, sections: tuple[str, ...], knows_by: str,
    page_size: int = 50, needs_token: bool = False,
) -> System:  # fmt: skip
    uri = f"https://{key}.region.example/Id/patient-number"
    return System(
        key, ods, name, mark, kind, uri, knows_by, ("demographics", *sections), latency_s, page_size, needs_token  # type: ignore[arg-type]
    )


SYSTEMS: tuple[System, ...] = (
    _system("elm-bank", ELM_BANK, "Elm Bank Surgery", "GP", "gp", 0.3, _GP, "nhs-number", page_size=100,
            needs_token=True),
    _system("quayside", QUAYSIDE, "Quayside Surgery", "QS", "gp", 0.25, _GP, "nhs-number", page_size=100,
            needs_token=True),
    _system("kirkgate", KIRKGATE, "Kirkgate Medical Group", "KG", "gp", 0.3, _GP, "nhs-number"),
    _system("aldermoor-epr", ALDERMOOR, "Aldermoor University Hospitals", "AH", "hospital", 0.35, _WARD,
            "nhs-number", needs_token=True),
    _system("aldermoor-emergency", ALDERMOOR, "Aldermoor A&E", "AE", "emergency", 0.3,
            ("alerts", "medicines", "problems", "observations", "encounters", "documents", "professionals"),
            "nhs-number"),
    _system("aldermoor-pathology", ALDERMOOR, "Aldermoor Pathology", "AP", "laboratory", 0.45, ("results",), "match",
            page_size=100),
    _system("aldermoor-radiology", ALDERMOOR, "Aldermoor Radiology", "AR", "radiology", 0.5,
            ("results", "documents"), "local"),
    _system("aldermoor-anticoagulation", ALDERMOOR, "Aldermoor Anticoagulation Clinic", "AC", "clinic", 0.3,
            ("alerts", "medicines", "problems", "encounters", "documents", "appointments", "professionals"),
            "nhs-number"),
    _system("aldermoor-maternity", ALDERMOOR, "Aldermoor Maternity", "MT", "maternity", 0.4,
            ("alerts", "allergies", "medicines", "problems", "results", "observations", "encounters", "documents",
             "plans", "appointments", "professionals"), "nhs-number"),
    _system("fenwick-epr", FENWICK, "Fenwick General Hospital", "FG", "hospital", 0.4, _WARD, "nhs-number",
            page_size=20),
    _system("fenwick-pathology", FENWICK, "Fenwick Pathology", "FP", "laboratory", 0.5, ("results",), "local"),
    _system("fenwick-radiology", FENWICK, "Fenwick Radiology", "FR", "radiology", 0.5, ("results", "documents"),
            "local"),
    _system("north-fells-ambulance", AMBULANCE, "North Fells Ambulance", "AM", "ambulance", 1.2,
            ("observations", "encounters", "documents", "medicines", "plans"), "nhs-number"),
    _system("aldermoor-community", COMMUNITY, "Aldermoor Community Health", "CH", "community", 0.5,
            ("alerts", "allergies", "medicines", "problems", "observations", "encounters", "documents", "plans",
             "appointments", "professionals"), "nhs-number"),
    _system("calder-vale", MENTAL_HEALTH, "Calder Vale Mental Health", "MH", "mental-health", 0.4,
            ("alerts", "allergies", "medicines", "problems", "encounters", "documents", "plans", "appointments",
             "professionals"), "nhs-number", needs_token=True),
    _system("st-oswins", HOSPICE, "St Oswin's Hospice", "HO", "hospice", 0.4,
            ("alerts", "allergies", "medicines", "problems", "encounters", "documents", "plans", "professionals"),
            "nhs-number"),
    _system("aldermoor-council", COUNCIL, "Aldermoor Council", "SC", "social-care", 0.4,
            ("alerts", "adjustments", "encounters", "documents", "professionals", "social"), "nhs-number"),
    _system("hartley-pharmacy", PHARMACY, "Hartley Pharmacy", "RX", "pharmacy", 0.3,
            ("medicines", "immunisations"), "nhs-number"),
)  # fmt: skip


def _user(
    number: int, provider: str, title: str, given: str, family: str, *posts: tuple[Role, str, str, str]
) -> User:
    username = f"{given}.{family}".lower().replace(" ", "").replace("'", "")
    profiles = tuple(
        RoleProfile(f"5550{number:04d}{place:04d}", role, job, ods, team)
        for place, (role, job, ods, team) in enumerate(posts, 1)
    )
    return User(
        username=username,
        password=f"pretend-{username}",
        provider=provider,
        sub=f"{provider}|{number:04d}",
        name=f"{title} {given} {family}",
        title=title,
        given=given,
        family=family,
        email=f"{username}@{provider}.region.example",
        profiles=profiles,
    )


USERS: tuple[User, ...] = (
    _user(1, "aldermoor", "Dr", "Priya", "Nair",
          ("ae-doctor", "Emergency medicine consultant", ALDERMOOR, "Emergency department")),
    _user(2, "aldermoor", "Dr", "Sam", "Idowu",
          ("ae-doctor", "Emergency medicine registrar", ALDERMOOR, "Emergency department")),
    _user(3, "aldermoor", "Ms", "Leah", "Marsden",
          ("receptionist", "Emergency department receptionist", ALDERMOOR, "Emergency department")),
    _user(4, "aldermoor", "Mr", "Owen", "Tranter",
          ("administrator", "Shared record administrator", ALDERMOOR, "Digital services")),
    _user(5, "aldermoor", "Ms", "Ruth", "Adeyemi",
          ("privacy-officer", "Privacy officer", ALDERMOOR, "Information governance")),
    _user(6, "primary-care", "Dr", "Abena", "Osei", ("gp", "GP partner", ELM_BANK, "")),
    _user(7, "primary-care", "Dr", "Martin", "Howe", ("gp", "GP partner", QUAYSIDE, "")),
    _user(8, "primary-care", "Dr", "Nisha", "Kapoor", ("gp", "Salaried GP", KIRKGATE, "")),
    _user(9, "primary-care", "Dr", "Samir", "Haddad",
          ("gp", "GP", QUAYSIDE, ""),
          ("ae-doctor", "GP in the emergency department", ALDERMOOR, "Emergency department")),
    _user(10, "primary-care", "Mrs", "Joan", "Birtles", ("receptionist", "Receptionist", ELM_BANK, "")),
    _user(11, "primary-care", "Ms", "Claire", "Sugden",
          ("privacy-officer", "Caldicott support officer", BOARD, "Information governance")),
    _user(12, "primary-care", "Mr", "Idris", "Vaughan",
          ("administrator", "Shared record administrator", BOARD, "Digital services")),
    _user(13, "council", "Ms", "Grace", "Ellershaw",
          ("social-worker", "Senior social worker", COUNCIL, "Adult safeguarding")),
    _user(14, "council", "Mr", "Joel", "Whitham",
          ("social-worker", "Social worker", COUNCIL, "Children and families"),
          ("administrator", "Records administrator", COUNCIL, "Records")),
)  # fmt: skip

ORGANISATION_BY_ODS = {organisation.ods: organisation for organisation in ORGANISATIONS}
SYSTEM_BY_KEY = {system.key: system for system in SYSTEMS}
USER_BY_NAME = {user.username: user for user in USERS}
GP_SYSTEM_BY_ODS = {system.ods: system.key for system in SYSTEMS if system.kind == "gp"}

# Where real input goes: six more sources, each the whole of several American organisations.
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
_REAL_KINDS = {"gp": "gp", "acute": "hospital"}
REAL_SYSTEMS: tuple[System, ...] = tuple(
    _system(f"real-{organisation.name.split()[0].lower()}", organisation.ods, organisation.name, f"R{place}",
            _REAL_KINDS.get(organisation.kind, "community"), 0.2, _GP, "nhs-number", page_size=100)
    for place, organisation in enumerate(REAL_ORGANISATIONS, 1)
)  # fmt: skip
ODS_OF_REAL = {system.key: system.ods for system in REAL_SYSTEMS}
