"""Who may sign in to the pretend region, where, and in which posts? At least one for each role."""

from carerecord.region.organisations.bodies import (
    ALDERMOOR,
    AMBULANCE,
    BOARD,
    CARE_HOME,
    COMMUNITY,
    COUNCIL,
    ELM_BANK,
    FENWICK,
    KIRKGATE,
    MENTAL_HEALTH,
    OUT_OF_HOURS,
    PHARMACY,
    QUAYSIDE,
)
from carerecord.region.shapes import Role, RoleProfile, User


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
    _user(15, "aldermoor", "Mr", "Ben", "Sayer", ("ward-nurse", "Charge nurse", ALDERMOOR, "Elderly medicine, ward 14")),
    _user(16, "aldermoor", "Ms", "Farah", "Qureshi",
          ("hospital-pharmacist", "Clinical pharmacist", ALDERMOOR, "Pharmacy")),
    _user(17, "primary-care", "Mr", "Jay", "Mistry", ("community-pharmacist", "Pharmacist", PHARMACY, "")),
    _user(18, "ambulance", "Ms", "Rhona", "Blake", ("paramedic", "Paramedic", AMBULANCE, "Crew 2210")),
    _user(19, "aldermoor", "Ms", "Kath", "Halliwell", ("midwife", "Community midwife", ALDERMOOR, "Maternity")),
    _user(20, "fenwick", "Ms", "Dilys", "Roper", ("midwife", "Midwife in triage", FENWICK, "Maternity triage")),
    _user(21, "community", "Ms", "Rachel", "Heald", ("health-visitor", "Health visitor", COMMUNITY, "Health visiting")),
    _user(22, "community", "Ms", "Moira", "Tordoff", ("community-nurse", "District nurse", COMMUNITY, "District nursing")),
    _user(23, "primary-care", "Ms", "Grace", "Okello", ("care-home-nurse", "Nurse in charge", CARE_HOME, "")),
    _user(24, "calder", "Mr", "Tim", "Ormerod",
          ("mental-health-worker", "Care coordinator", MENTAL_HEALTH, "Fenwick community mental health team")),
    _user(25, "council", "Ms", "Ines", "Calloway", ("safeguarding-lead", "Safeguarding lead", COUNCIL, "Safeguarding")),
    _user(26, "primary-care", "Mr", "Piotr", "Lisowski",
          ("data-quality-officer", "Data-quality officer", BOARD, "Data quality")),
    _user(27, "aldermoor", "Dr", "Helen", "Varga",
          ("clinical-safety-officer", "Clinical safety officer", ALDERMOOR, "Clinical safety")),
    _user(28, "fenwick", "Dr", "Orla", "Brandreth",
          ("ae-doctor", "Obstetric registrar", FENWICK, "Maternity triage")),
    _user(29, "primary-care", "Dr", "Ewan", "Strand", ("gp", "Out-of-hours GP", OUT_OF_HOURS, "Out of hours")),
)  # fmt: skip

USER_BY_NAME = {user.username: user for user in USERS}

# Those who look at a source before others do. They treat people: to test is to look, and who opens no record sees nothing.
SAFETY_TESTERS = ("priya.nair", "nisha.kapoor")
