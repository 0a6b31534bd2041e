"""Of which finding does a result tell more: the organism whose sensitivities, or whose count, it is?

A finding is named by its test and its sub-id (OBX-3, OBX-4). Beside its coded name a laboratory often sends a text under both:
how much of it grew. The coded one is what it is.
"""

from carerecord.ingest.hl7v2.obx import CODED
from carerecord.ingest.hl7v2.parse import Segment

Place = tuple[str, str]  # test and sub-id


def place_of(obx: Segment) -> Place:
    return obx.text(3), obx.text(4)


def named_at(place: Place, lines: list[Segment]) -> str:
    """What was found there; "" where nothing was, or where nobody can say which of two."""
    there = [each for each in lines if place_of(each) == place]
    coded = [each for each in there if is_coded(each)]
    said = {each.text(5, 2) or each.text(5) for each in coded or there}
    return said.pop() if len(said) == 1 else ""


def told_with(lines: list[Segment]) -> dict[Place, str]:
    """Of a report with several findings of one test, what each is: a text under the same sub-id is about it."""
    tests: dict[str, set[str]] = {}
    for obx in lines:
        if obx.text(4) and is_coded(obx):
            tests.setdefault(obx.text(3), set()).add(obx.text(4))
    places = ((test, sub_id) for test, sub_ids in tests.items() if len(sub_ids) > 1 for sub_id in sub_ids)
    return {place: name for place in places if (name := named_at(place, lines))}


def is_coded(obx: Segment) -> bool:
    return obx.text(2).upper() in CODED
