"""Which systems hold records in the pretend region, what does each share, and how does it speak?"""

from typing import Literal

from carerecord.region.organisations.bodies import (
    ALDERMOOR,
    AMBULANCE,
    CARE_HOME,
    COMMUNITY,
    COUNCIL,
    ELM_BANK,
    FENWICK,
    GREENHEAD,
    HOSPICE,
    KIRKGATE,
    MENTAL_HEALTH,
    OUT_OF_HOURS,
    PHARMACY,
    QUAY_PHARMACY,
    QUAYSIDE,
    SALTMARSH,
    SEXUAL_HEALTH,
)
from carerecord.region.organisations.dialects import DIALECTS
from carerecord.region.shapes import PLAIN, KnowsBy, System, SystemKind

GP_SECTIONS = ("allergies", "medicines", "problems", "results", "observations", "encounters", "immunisations",
               "procedures", "documents", "plans", "appointments", "alerts", "safeguarding", "adjustments", "professionals",
               "social", "other")  # fmt: skip
_WARD = ("alerts", "safeguarding", "adjustments", "allergies", "medicines", "problems", "observations", "encounters",
         "procedures", "documents", "plans", "appointments", "professionals")  # fmt: skip
_DOOR = ("alerts", "safeguarding", "medicines", "problems", "observations", "encounters", "documents", "professionals")
_CLINIC = ("alerts", "allergies", "medicines", "problems", "observations", "encounters", "documents", "plans",
           "appointments", "professionals")  # fmt: skip


def system(
    key: str, ods: str, name: str, mark: str, kind: SystemKind, latency_s: float, sections: tuple[str, ...], knows_by: KnowsBy,
    page_size: int = 50, needs_token: bool = False, asks: Literal["search", "everything"] = "search",
    speaks: Literal["", "emis", "tpp"] = "",
) -> System:  # fmt: skip
    """One row. `speaks`: GP Connect, in the habits of one of the two large suppliers; the others are FHIR R4 servers."""
    uri = f"https://{key}.region.example/Id/patient-number"
    shared, dialect = ("demographics", *sections), DIALECTS.get(key, PLAIN)
    connector = "gp_connect" if speaks else "fhir_r4"
    return System(
        key, ods, name, mark, kind, uri, knows_by, shared, latency_s, page_size, needs_token, asks, dialect, connector, speaks
    )


SYSTEMS: tuple[System, ...] = (
    # practices
    system("elm-bank", ELM_BANK, "Elm Bank Surgery", "GP", "gp", 0.3, GP_SECTIONS, "nhs-number", 100, True),
    system("quayside", QUAYSIDE, "Quayside Surgery", "QS", "gp", 0.25, GP_SECTIONS, "nhs-number", 100, True,
           asks="everything"),
    system("kirkgate", KIRKGATE, "Kirkgate Medical Group", "KG", "gp", 0.3, GP_SECTIONS, "nhs-number", asks="everything"),
    system("greenhead", GREENHEAD, "Greenhead Health Centre", "GH", "gp", 0.35, GP_SECTIONS, "nhs-number",
           speaks="emis"),
    system("saltmarsh", SALTMARSH, "Saltmarsh Surgery", "SM", "gp", 0.4, GP_SECTIONS, "nhs-number", speaks="tpp"),
    # two acute trusts
    system("aldermoor-epr", ALDERMOOR, "Aldermoor University Hospitals", "AH", "hospital", 0.35, _WARD, "nhs-number",
           needs_token=True),
    system("aldermoor-emergency", ALDERMOOR, "Aldermoor A&E", "AE", "emergency", 0.3, _DOOR, "nhs-number"),
    system("aldermoor-pathology", ALDERMOOR, "Aldermoor Pathology", "AP", "laboratory", 0.45, ("results",), "match", 100),
    system("aldermoor-radiology", ALDERMOOR, "Aldermoor Radiology", "AR", "radiology", 0.5, ("results", "documents"), "local"),
    system("aldermoor-anticoagulation", ALDERMOOR, "Aldermoor Anticoagulation Clinic", "AC", "clinic", 0.3,
           ("alerts", "medicines", "problems", "encounters", "documents", "appointments", "professionals"), "nhs-number"),
    system("aldermoor-maternity", ALDERMOOR, "Aldermoor Maternity", "MT", "maternity", 0.4,
           ("alerts", "allergies", "medicines", "problems", "results", "observations", "encounters", "documents",
            "plans", "appointments", "professionals"), "nhs-number"),
    system("fenwick-epr", FENWICK, "Fenwick General Hospital", "FG", "hospital", 0.4, _WARD, "nhs-number", 20),
    system("fenwick-emergency", FENWICK, "Fenwick A&E", "FE", "emergency", 0.35, _DOOR, "nhs-number"),
    system("fenwick-pathology", FENWICK, "Fenwick Pathology", "FP", "laboratory", 0.5, ("results",), "local"),
    system("fenwick-radiology", FENWICK, "Fenwick Radiology", "FR", "radiology", 0.5, ("results", "documents"), "local"),
    system("fenwick-rheumatology", FENWICK, "Fenwick Rheumatology", "RH", "clinic", 0.45, _CLINIC, "nhs-number"),
    system("fenwick-diabetes", FENWICK, "Fenwick Diabetes Centre", "DB", "clinic", 0.4, _CLINIC, "nhs-number", 10),
    # everybody else
    system("north-fells-ambulance", AMBULANCE, "North Fells Ambulance", "AM", "ambulance", 1.2,
           ("observations", "encounters", "documents", "medicines", "plans"), "nhs-number"),
    system("fells-out-of-hours", OUT_OF_HOURS, "Fells Out of Hours", "OH", "out-of-hours", 0.5,
           ("medicines", "problems", "observations", "encounters", "documents"), "nhs-number"),
    system("aldermoor-community", COMMUNITY, "Aldermoor Community Health", "CH", "community", 0.5, _CLINIC, "nhs-number"),
    system("aldermoor-physiotherapy", COMMUNITY, "Aldermoor Physiotherapy", "PT", "community", 0.4,
           ("problems", "observations", "encounters", "documents", "appointments", "professionals"), "nhs-number"),
    system("fells-health-visiting", COMMUNITY, "Fells Health Visiting", "HV", "community", 0.45,
           ("alerts", "safeguarding", "observations", "encounters", "documents", "plans", "appointments", "professionals",
            "social"), "nhs-number"),
    system("calder-vale", MENTAL_HEALTH, "Calder Vale Mental Health", "MH", "mental-health", 0.4,
           ("alerts", "safeguarding", "allergies", "medicines", "problems", "encounters", "documents", "plans",
            "appointments", "professionals"), "nhs-number", needs_token=True),
    system("st-oswins", HOSPICE, "St Oswin's Hospice", "HO", "hospice", 0.4,
           ("alerts", "allergies", "medicines", "problems", "encounters", "documents", "plans", "professionals"),
           "nhs-number"),
    system("rowan-court", CARE_HOME, "Rowan Court Care Home", "RC", "care-home", 0.6,
           ("alerts", "allergies", "observations", "encounters", "documents", "professionals", "social"), "nhs-number"),
    system("aldermoor-council", COUNCIL, "Aldermoor Council", "SC", "social-care", 0.4,
           ("alerts", "safeguarding", "adjustments", "encounters", "documents", "professionals", "social"), "nhs-number"),
    system("aldermoor-child-protection", COUNCIL, "Aldermoor Child Protection", "CP", "social-care", 0.35,
           ("safeguarding", "encounters", "documents", "professionals"), "nhs-number"),
    system("hartley-pharmacy", PHARMACY, "Hartley Pharmacy", "RX", "pharmacy", 0.3, ("medicines", "immunisations"),
           "nhs-number"),
    system("quay-pharmacy", QUAY_PHARMACY, "Quay Pharmacy", "QP", "pharmacy", 0.35, ("medicines", "immunisations"),
           "nhs-number"),
    system("harbour-sexual-health", SEXUAL_HEALTH, "Harbour Sexual Health", "SH", "sexual-health", 0.4,
           ("alerts", "allergies", "medicines", "problems", "results", "encounters", "documents", "appointments",
            "professionals"), "nhs-number", needs_token=True),
)  # fmt: skip

SYSTEM_BY_KEY = {each.key: each for each in SYSTEMS}
GP_SYSTEM_BY_ODS = {each.ods: each.key for each in SYSTEMS if each.kind == "gp"}
