"""How does a visit stand: where the person was, from when to when, and what was called back?"""

from typing import Any, Final

from carerecord.fhir.times import ends_first, sort_key
from carerecord.ingest.hl7v2.stands.plain import elements
from carerecord.ingest.hl7v2.stands.told import Told

# How a place stands in a visit that has not begun, and in one that never was; "" where FHIR has no word for it.
_NOT_THERE: Final = {"planned": "planned", "cancelled": ""}
_UNKNOWN: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK", "display": "unknown"}


def standing(told: Told) -> dict[str, Any]:
    facts = dict(told.facts)
    start, end = facts.pop("start", None), facts.pop("end", None)
    out = elements(_on_their_lists(facts))
    out.setdefault("status", "finished" if end else "unknown")
    out.setdefault("class", _UNKNOWN)
    if not end and out["status"] in _NOT_THERE:
        end = next((event["at"] for _, _, event in reversed(told.events) if event.get("kind") == "ends"), None)
    if start and end and ends_first(start, end):  # as two messages have it, whose clocks differ
        end = None
    period = {key: value for key, value in (("start", start), ("end", end)) if value}
    if period:
        out["period"] = period
    if stays := _stays(told, end, out["status"]):
        out["location"] = stays
    return out


def _on_their_lists(facts: dict[str, Any]) -> dict[str, Any]:
    """Without the doctors behind where the newest list of them ends: "+participant/CON-3" where CON-2 is taken away."""
    places = {key: _place_on_list(key) for key in facts if key.startswith("+participant/")}
    ends: dict[str, int] = {}
    for key, (role, place) in places.items():
        if facts[key] is None:
            ends[role] = min(place, ends.get(role, place))
    gone = {key for key, (role, place) in places.items() if role in ends and place >= ends[role]}
    return {key: value for key, value in facts.items() if key not in gone}


def _place_on_list(key: str) -> tuple[str, int]:
    role, _, number = key.partition("-")
    return role, int(number or 1)


def _stays(told: Told, ended: str | None, status: str) -> list[dict[str, Any]]:
    """Each place in turn. A transfer called back is the one recorded last; the others are laid out by when they took place."""
    moves, renamed = _moves(told)
    if status in _NOT_THERE:  # a bed that is booked, or was: nobody lies there, nor since when
        places = [each["place"] for each in moves]
        places[-1:] = [renamed or each for each in places[-1:]]
        return [_stay(each, _NOT_THERE[status], {}) for each in dict.fromkeys(places)]
    stays: list[dict[str, Any]] = []
    for event in sorted(moves, key=lambda each: sort_key(each["at"])):
        if not stays or stays[-1]["place"] != event["place"]:
            if stays:
                stays[-1]["end"] = event["at"]
            # What names a place and is no move says that somebody is there, and not since when.
            stays.append({"place": event["place"], "start": event["at"] if event["kind"] == "moved" else ""})
    if stays and renamed:
        stays[-1]["place"] = renamed
        if len(stays) > 1 and stays[-2]["place"] == renamed:  # they had never left
            stays.pop()
            del stays[-1]["end"]
    out = []
    for number, each in enumerate(stays, 1):
        end = each.get("end") or (ended if number == len(stays) else None)
        if end and each["start"] and ends_first(each["start"], end):  # told of after they had left: they came some time before
            each["start"] = ""
        period = {key: value for key, value in (("start", each["start"]), ("end", end)) if value}
        out.append(_stay(each["place"], "completed" if end or status == "finished" else "active", period))
    return out


def _stay(place: str, status: str, period: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"location": {"type": "Location", "display": place}}
    if status:
        made["status"] = status
    if period:
        made["period"] = period
    return made


def _moves(told: Told) -> tuple[list[dict[str, Any]], str]:
    """The moves that stand, in the order of recording, and what the last place is called by now ("": as the move had it).

    One that was only planned gives way to whatever took place.
    """
    moves: list[dict[str, Any]] = []
    renamed = ""
    for _, _, event in told.events:
        kind, place = event.get("kind"), event.get("place")
        if kind == "come":  # behind the transfer that it completes it is no move of its own
            is_there = bool(moves) and moves[-1]["kind"] == "moved" and (renamed or moves[-1]["place"]) == place
            kind, event = ("named", event) if is_there else ("moved", {**event, "kind": "moved", "came": True})
        if kind == "back":
            if len(moves) > 1:
                moves.pop()
            renamed = place
        elif kind == "called":
            if len(moves) > 1 and "came" in moves[-1]:
                moves.pop()
                renamed = ""
        elif kind == "moved" and place:
            moves = [*(each for each in moves if each["kind"] != "planned"), event]
            renamed = ""
        elif kind == "named" or (kind == "planned" and all(each["kind"] == "planned" for each in moves)):
            renamed = place or renamed
        if renamed and not moves:
            moves.append(event)
    return moves, renamed
