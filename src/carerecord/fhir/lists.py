"""To which section does a List belong? GP Connect answers each area as a List of one code (standards digest, section 4)."""

from collections.abc import Collection
from typing import Final

# The primary list of each area, by its SNOMED CT code. Other lists stand within an area.
AREAS: Final[dict[str, str]] = {
    "886921000000105": "allergies",
    "1103671000000101": "allergies",
    "1149501000000101": "encounters",
    "714311000000108": "appointments",
    "1102181000000102": "immunisations",
    "887191000000108": "results",
    "933361000000108": "medicines",
    "792931000000107": "appointments",
    "717711000000103": "problems",
    "826501000000100": "observations",
}
# Within the area of consultations: one consultation, its topics, their headings.
_CONSULTATION: Final = {"325851000000107": "encounters", "25851000000105": "encounters", "24781000000107": "encounters"}
# Lists of what consultations and problems hold are named after them: "problems-medications-related-to-problems".
_NAMED: Final = (("consultations-", "encounters"), ("problems-", "problems"))


def section_of_list(codes: Collection[str]) -> str:
    """The heading that a list of these codes belongs to; "other" where nobody can say."""
    sections = (AREAS.get(code) or _CONSULTATION.get(code) for code in codes)
    named = (section for start, section in _NAMED for code in codes if code.startswith(start))
    return next(filter(None, sections), "") or next(named, "other")
