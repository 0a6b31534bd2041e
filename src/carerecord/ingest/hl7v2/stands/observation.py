"""How does a result stand: the value recorded last, with every other that was ever sent for it beside it?"""

from typing import Any, Final

from carerecord.ingest.hl7v2.stands.plain import elements
from carerecord.ingest.hl7v2.stands.told import Told

EARLIER: Final = "urn:carerecord:earlier-value"
_OURS: Final = frozenset(("shown", "sent", "taken"))
_WORDS: Final = {"final": "final", "preliminary": "preliminary", "corrected": "corrected", "amended": "amended",
                 "registered": "no result yet",
                 "cancelled": "cancelled", "unknown": "status not known"}  # fmt: skip


def standing(told: Told) -> dict[str, Any]:
    """Elements of `@said/…` stand together: a value is never shown with the unit or the range of another."""
    said = [value for key, _, value in told.events if key.startswith("said/")]
    out = elements(told.facts)
    if not said:
        return out
    chosen = said[0] if len(said) == 1 else _chosen(said)
    of_all = out.pop("note", [])
    out |= {key: value for key, value in chosen.items() if key not in _OURS}
    if of_all:
        out["note"] = [*of_all, *out.get("note", ())]
    if "effectiveDateTime" in chosen:  # its own time, before the span of its report: FHIR knows one of the two
        out.pop("effectivePeriod", None)
    if len(said) > 1 and (earlier := _earlier(said, shown_value(chosen))):
        out["extension"] = [*out.get("extension", ()), *map(_extension, earlier)]
        out["note"] = [*out.get("note", ()), {"text": "\n".join(map(_in_words, earlier))}]
    return out


def _chosen(said: list[dict[str, Any]]) -> dict[str, Any]:
    """What is shown of several that were sent for one result."""
    newest = said[-1]
    now: dict[str, Any] = {}
    later: list[dict[str, Any]] = []  # what came without a value, after the one that stands
    for each in said:
        later.append(each)
        if shown_value(each) or "taken" in each:
            now, later = each if "taken" not in each else {}, []
    # A status sent without the value again ("verified") is one of the value that stands, and so is a comment; `""` takes it away.
    stands = shown_value(newest) or "taken" in newest or newest["status"] in ("cancelled", "registered") or not now
    return newest if stands else {**now, "status": newest["status"], **_notes(later, now)}


def _earlier(said: list[dict[str, Any]], shown: str) -> list[dict[str, str]]:
    """Every other value that was ever sent for it, once."""
    earlier: list[dict[str, str]] = []
    for each in said:
        words = shown_value(each)
        if words and words != shown and words not in [known["words"] for known in earlier]:
            earlier.append({"words": words, "status": _WORDS.get(each["status"], each["status"]), "at": each.get("sent", "")})
    return earlier


def _notes(later: list[dict[str, Any]], now: dict[str, Any]) -> dict[str, Any]:
    """What was said of the value later stands before what came with it."""
    found: list[dict[str, str]] = []
    for each in (*reversed(later), now):
        found += [note for note in each.get("note", ()) if note not in found]
    return {"note": found} if found else {}


def shown_value(each: dict[str, Any]) -> str:
    return str(each.get("shown") or "")


def _extension(each: dict[str, str]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"url": "value", "valueString": each["words"]},
        {"url": "status", "valueString": each["status"]},
    ]
    if each["at"]:
        parts.append({"url": "at", "valueDateTime": each["at"]})
    return {"url": EARLIER, "extension": parts}


def _in_words(each: dict[str, str]) -> str:
    """For every reader who knows nothing of our extension."""
    sent = f", sent {each['at'][:16].replace('T', ' ')}" if each["at"] else ""
    return f"Replaced: {each['words']} ({each['status']}{sent})"
