"""How does a trust write of a person in HL7 v2? The segments that scenes send; times as `@-25m@`, minutes from the sending."""

from carerecord.region.shapes import RegionPerson

ALDERMOOR = "ALDERMOOR"


def at(minutes: int) -> str:
    """A time, so many minutes from the moment of sending."""
    return f"@{minutes}m@"


def event(trigger: str, minutes: int) -> str:
    return f"EVN|{trigger}|{at(minutes)}"


def known(person: RegionPerson, number: str, authority: str = ALDERMOOR) -> str:
    """PID of somebody whom the trust knows by name."""
    ids = f"{number}^^^{authority}^MR~{person.nhs_number}^^^NHS^NH"
    where = f"{person.address.lines[0]}^^{person.address.lines[-1]}^^{person.address.postcode}"
    name = f"{person.family}^{person.given[0]}^^^{person.title}"
    return f"PID|1||{ids}||{name}||{person.born:%Y%m%d}|{person.sex[0].upper()}|||{where}{'|' * 21}NSTS01"


def unknown(number: str, alias: str, sex: str = "M", authority: str = ALDERMOOR) -> str:
    """PID of somebody whom nobody knows: an alias, a birth date and postcode that mean nothing."""
    return f"PID|1||{number}^^^{authority}^MR||{alias}^UNKNOWN||19000101|{sex}|||^^^^ZZ99 3VZ"


def merged(number: str, authority: str = ALDERMOOR) -> str:
    """MRG: the number that goes."""
    return f"MRG|{number}^^^{authority}^MR"


def visit(kind: str, place: str, number: str, since: str, ended: str = "", authority: str = ALDERMOOR) -> str:
    """PV1: kind E or I, the place as `WARD^BED`, the visit's number, its begin and end."""
    return f"PV1|1|{kind}|{place}^^{authority}{'|' * 16}{number}^^^{authority}{'|' * 25}{since}|{ended}"
