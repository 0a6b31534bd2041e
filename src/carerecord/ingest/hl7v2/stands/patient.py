"""How does a Patient stand: numbers with how far they are traced, a death that may have been taken back, who took whose place?"""

from typing import Any, Final

from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.ingest.hl7v2.people import laid_out, verification
from carerecord.ingest.hl7v2.stands.plain import elements
from carerecord.ingest.hl7v2.stands.told import Told

DEATH_TAKEN_BACK: Final = "urn:carerecord:death-taken-back"
_TAKEN_BACK: Final = "A death was recorded, and later taken back"


def standing(told: Told) -> dict[str, Any]:
    facts = dict(told.facts)
    own = {key: facts.pop(key) for key in list(facts) if key.startswith(("telecom:", "ext:", "traced/")) or key == "deceased"}
    out = elements(facts)
    traced = {key.partition("/")[2]: value for key, value in own.items() if key.startswith("traced/") and value}
    for each in out.get("identifier", ()):
        if each["system"] == NHS_NUMBER and each["value"].isdigit():
            each["extension"] = [verification(traced.get(each["value"], "02"))]
    out.setdefault("active", True)
    died = own.pop("deceased", None)
    out |= laid_out({**own, "deceased": died})
    if died is False:
        out["deceasedBoolean"] = False
    if _taken_back(told):
        out.setdefault("extension", []).append({"url": DEATH_TAKEN_BACK, "valueString": _TAKEN_BACK})
    links = out.get("link")
    if links:
        out["link"] = [each for each in links if each["other"]["reference"] != f"Patient/{told.id}"] or None
        if out["link"] is None:
            del out["link"]
    return out


def _taken_back(told: Told) -> bool:
    """Whether a "not dead" was recorded after a death: "not dead" in every message before it is no taking back."""
    died = False
    for key, _, value in told.events:
        if key.startswith("death/"):
            if value is False and died:
                return True
            died = died or value is not False
    return False
