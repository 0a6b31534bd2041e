"""How does a visit stand: where the person was, from when to when, and what was called back?"""

from typing import Any, Final

from carerecord.fhir.times import ends_first, sort_key
from carerecord.ingest.hl7v2.stands.plain import elements
from carerecord.ingest.hl7v2.stands.told import Told

_UNKNOWN: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK", "display": "unknown"}


def standing(told: Told) -> dict[str, Any]:
    facts = dict(told.facts)
    start, end = facts.pop("start", None), facts.pop("end", None)
    out = elements(facts)
    out.setdefault("status", "finished" if end else "unknown")
    out.setdefault("class", _UNKNOWN)
    if start and end and ends_first(start, end):  # as two messages have it, whose clocks differ
        end = None
    period = {key: value for key, value in (("start", start), ("end", end)) if value}
    if period:
        out["period"] = period
    if stays := _stays(told, end, over=out["status"] == "finished"):
        out["location"] = stays
    return out


def _stays(told: Told, ended: str | None, *, over: bool) -> list[dict[str, Any]]:
    """Each place in turn. A transfer called back is the one recorded last; the others are laid out by when they took place."""
    moves: list[dict[str, Any]] = []
    renamed = ""
    for _, _, event in told.events:
        if "kind" not in event:
            continue
        if event["kind"] == "back":
            if len(moves) > 1:
                moves.pop()
            renamed = event["place"]
            if not moves and renamed:
                moves.append(event)
        elif event["kind"] == "named":
            renamed = event["place"] or renamed
            if not moves and renamed:
                moves.append(event)
        elif event["place"]:
            moves.append(event)
            renamed = ""
    stays: list[dict[str, Any]] = []
    for event in sorted(moves, key=lambda each: sort_key(each["at"])):
        if not stays or stays[-1]["place"] != event["place"]:
            if stays:
                stays[-1]["end"] = event["at"]
            stays.append({"place": event["place"], "start": event["at"]})
    if stays and renamed:
        stays[-1]["place"] = renamed
    out = []
    for place, each in enumerate(stays):
        last = place == len(stays) - 1
        end = each.get("end") or (ended if last else None)
        if end and ends_first(each["start"], end):  # told of after they had left: they came at some time before
            each["start"] = ""
        period = {key: value for key, value in (("start", each["start"]), ("end", end)) if value}
        made: dict[str, Any] = {"location": {"type": "Location", "display": each["place"]}}
        made["status"] = "completed" if end or over else "active"
        if period:
            made["period"] = period
        out.append(made)
    return out
