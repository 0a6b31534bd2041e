"""A board of sources as the sources service would give it: open, being tested, in trouble, never probed."""

from carerecord.contracts.sources import (
    Board,
    BoardSection,
    BoardSource,
    Certificate,
    Check,
    CodeCount,
    Probe,
    SectionSeen,
    SharedSection,
)

EVIDENCE = "3f2a9c11d0e4b765"


def _section(name: str, stage: str, asked: int, answered: int, held: int, *organisations: str, by: str = "") -> BoardSection:
    shared = SharedSection(name, stage=stage, organisations=organisations)
    at = "2026-11-21T10:05:00.000Z" if by else ""
    return BoardSection(shared, SectionSeen(name, asked, answered, held), by, at, EVIDENCE if by else "")


ELM = BoardSource(
    "elm-bank", "Elm Bank Surgery", "A99917", "Elm Bank Surgery", "GP", "gp", "fhir_r4",
    (
        _section("allergies", "everyone", 50, 47, 30, by="Dr Amina Rahman"),
        _section("medicines", "organisations", 50, 47, 41, "R9A", "R9F", by="Dr Amina Rahman"),
        _section("problems", "safety-testers", 3, 3, 3),
    ),
    probe=Probe(
        "elm-bank", True, (Check("capability statement", True, "FHIR 4.0.1"), Check("a test patient", True, "found")),
        EVIDENCE, "2026-11-21T09:30:00.000Z", "Dr Amina Rahman", Certificate("2026-12-02T00:00:00.000Z"),
    ),
    evidence=EVIDENCE, asked=50, answered=47, p50_s=0.21, p95_s=1.9, last_answer="2026-11-22T13:58:00.000Z",
    unmapped=(CodeCount("https://elm.example/codes", 37), CodeCount("", 4)),
)  # fmt: skip
FENWICK = BoardSource(
    "fenwick-epr", "Fenwick EPR", "R9F", "Fenwick and Holt Hospitals", "FW", "acute", "fhir_r4",
    tuple(_section(each, "off", 0, 0, 0) for each in ("allergies", "results", "documents")),
)  # fmt: skip
HARTLEY = BoardSource(
    "hartley-pharmacy", "Hartley Pharmacy", "FX901", "Hartley Pharmacy", "PH", "pharmacy", "fhir_r4",
    (_section("medicines", "everyone", 20, 2, 2),),
    probe=Probe(
        "hartley-pharmacy", False,
        (Check("capability statement", False, "Its certificate has expired, so it cannot be trusted."),),
        "aa00bb11cc22dd33", "2026-11-22T08:00:00.000Z", "Mr Owen Tranter",
        Certificate("2026-11-20T00:00:00.000Z", False, "Its certificate has expired, so it cannot be trusted."),
    ),
    asked=20, answered=2, p50_s=0.4, p95_s=6.1, last_answer="2026-11-20T17:12:00.000Z",
)  # fmt: skip
BOARD = Board(
    "2026-11-22T14:02:00.000Z", "2026-11-16T00:00:00.000Z", (ELM, FENWICK, HARTLEY),
    ("east.csv, row 7: organisation is missing",), 7,
)  # fmt: skip
