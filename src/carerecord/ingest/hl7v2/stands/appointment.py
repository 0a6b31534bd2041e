"""How does an appointment stand: one that was moved ends after it begins, though nobody said anew when?"""

from datetime import datetime, timedelta
from typing import Any

from carerecord.fhir.times import ends_first
from carerecord.ingest.hl7v2.stands.plain import elements
from carerecord.ingest.hl7v2.stands.told import Told


def standing(told: Told) -> dict[str, Any]:
    out = elements(told.facts)
    start, end, minutes = out.get("start"), out.get("end"), out.get("minutesDuration")
    if not start or "whole" in told.facts:
        return out
    if end and ends_first(start, end):
        del out["end"]
        end = None
    if not end and minutes:
        out["end"] = (datetime.fromisoformat(start) + timedelta(minutes=minutes)).isoformat()
    return out
