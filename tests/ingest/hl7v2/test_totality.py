"""Is everything that a message says either carried or named as left? A mark is put in every place, and looked for."""

import base64
import itertools
import re

import pytest
from tests.ingest.hl7v2.test_triggers import a_message
from tests.ingest.hl7v2.world import filed

from carerecord.ingest.hl7v2 import parse

# Places that serve the reading alone: what they say is in what comes out, in another form, or belongs to the message itself.
READ = re.compile(
    r"MSH|EVN-[126]|ORC-(1|2|3|4|5)\.|OBX-(2|4|11)\.|OBR-(2|3|25)\.|SCH-(1|2|9|10|11|25)\.|TXA-(12|13|14|15|17|18|19)\.|PV1-(19|44|45)\."
    r"|PID-(1|7|8|24|25|29|30|32|33)\b|PID-(18)\.|MRG-|AL1-(1|2|4|6)\b|IAM|DG1-(1|5|6|21)\b|PR1-(1|5|20)\b|[A-Z0-9]{3}-1\b"
    r"|RX[ADEO]-(1|2|3|4|6|10|11|12|20|21)\.|TQ1-(1|3|7|8|9)\.|ORC-7\.[456]|NTE-[12]\b|PRB-(1|2|4|7|8|9|13|14|16)\.|SPM-(1|2|17|18)\."
)
ONE_OF_EACH = [
    "ADT^A01",
    "ADT^A28",
    "ADT^A40",
    "ORU^R01",
    "MDM^T02",
    "ORM^O01",
    "SIU^S12",
    "RDE^O11",
    "RAS^O17",
    "VXU^V04",
    "PPR^PC1",
]


def marked(raw: bytes) -> tuple[bytes, dict[str, str]]:
    """The message with a mark of its own in every component that holds text, and in those that hold nothing yet."""
    marks: dict[str, str] = {}
    lines = []
    count = itertools.count(1)
    for segment in parse(raw).segments:
        if segment.name in ("MSH", "EVN"):
            lines.append(segment.line)
            continue
        fields = segment.fields[:]
        fields += [""] * (22 - len(fields)) if segment.name not in ("MRG", "NTE") else []
        for number in range(1, len(fields)):
            components = fields[number].split("~")[0].split("^")
            components += [""] * (6 - len(components))
            for at in range(len(components)):
                place = f"{segment.name}-{number}.{at + 1}"
                if READ.match(place) or (components[at] and not components[at].isalpha()):
                    continue
                marks[place] = components[at] = f"Qz{next(count)}zQ"
            rest = fields[number].split("~")[1:]
            fields[number] = "~".join(["^".join(components), *rest])
        lines.append("|".join(fields))
    return "\r".join(lines).encode(), marks


@pytest.mark.parametrize("trigger", ONE_OF_EACH)
def test_every_mark_is_carried_or_its_place_is_named(trigger):
    raw, marks = marked(a_message(*trigger.split("^")))
    filing = filed(raw)
    carried = b"".join(bytes(each.says) for each in filing.statements).decode()
    carried += "".join(base64.b64decode(each).decode() for each in re.findall(r'"data":"([^"]+)"', carried))
    listed = " ".join(filing.notes)
    lost = [place for place, mark in marks.items() if not is_carried(mark, carried) and not is_named(place, listed)]

    assert marks
    assert lost == []


def is_carried(mark: str, carried: str) -> bool:
    return mark.casefold() in carried.casefold()


def is_named(place: str, listed: str) -> bool:
    return f"{place} is not carried" in listed or f"{place.partition('.')[0]} is n" in listed


def test_a_note_never_holds_what_it_is_about():
    for trigger in ONE_OF_EACH:
        raw, marks = marked(a_message(*trigger.split("^")))
        assert not any(mark in each for each in filed(raw).notes for mark in marks.values())
