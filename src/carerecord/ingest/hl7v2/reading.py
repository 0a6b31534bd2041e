"""What is one message read with: its sender's ways, the clock, and the list of what was not understood?"""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, TypeVar

from carerecord.fhir.identifiers import ODS_ORGANISATION
from carerecord.fhir.times import ends_first
from carerecord.ingest.hl7v2 import systems, times
from carerecord.ingest.hl7v2.parse import Message, Part, Segment
from carerecord.ingest.hl7v2.shapes import Sender
from carerecord.ingest.hl7v2.ways import Ways, ways_of

Resource = dict[str, Any]
Nearby = dict[Hashable, Any]  # what messages that are read together have said before, forgotten with them
T = TypeVar("T")


class Reading(Ways):
    """One message on its way to FHIR. Asking is what marks a field as read; `left` lists the rest, where it is `listing`."""

    def __init__(
        self, message: Message, sender: Sender, received_at: datetime | None, *,
        listing: bool = True, nearby: Nearby | None = None,
    ) -> None:  # fmt: skip
        super().__init__(sender, message.marks, message.codec)
        self.message, self.received_at = message, received_at
        self.at_hand = None if listing else ways_of(sender, message.marks, message.codec)
        self._nearby = None if listing else nearby
        self._of_its_moment = False  # something read depends on when the message was sent or received, not on its words alone
        self.zone = times.zone_of(sender.zone)
        self._somebodys: dict[str, bool] = {}
        self._notes: dict[str, int] = dict.fromkeys(message.notes, 1)

    def once(self, words: Hashable, read: Callable[[], T]) -> T:
        """What these words mean; where several messages say them, read in the first. Whoever changes it takes a copy."""
        if self._nearby is None:
            return read()
        known: T | None = self._nearby.get((self.at_hand, words))
        if known is not None:
            return known
        before, self._of_its_moment = self._of_its_moment, False
        found = read()
        if not self._of_its_moment:
            self._nearby[self.at_hand, words] = found
        self._of_its_moment = self._of_its_moment or before
        return found

    def is_somebodys(self, number: str) -> bool:
        """Whether it is an NHS number that somebody may have: asked of one three times, and forgotten with the message."""
        if (known := self._somebodys.get(number)) is None:
            known = self._somebodys[number] = systems.is_somebodys(number)
        return known

    def note(self, says: str) -> None:
        self._notes[says] = self._notes.get(says, 0) + 1

    def time(self, segment: Segment | None, field: int) -> str:
        """A field as a FHIR date or dateTime; "" where it is empty, or no time, which is then noted."""
        said = segment.text(field) if segment is not None else ""
        if not said or segment is None:
            return ""
        found = times.read(said, self.zone)
        if found.second is not None:
            return self._one_of_two(said)
        if not found.fhir and said.strip("0"):
            self.note(f"{segment.name}-{field} is no time")
        return found.fhir

    def _one_of_two(self, said: str) -> str:
        """A time in the hour that is there twice."""
        self._of_its_moment = True
        return times.fhir_time(said, self.zone, self.received_at)

    def time_in(self, part: Part, component: int, place: str) -> str:
        said = part[component]
        if not said:
            return ""
        found = times.read(said, self.zone)
        if found.second is not None:
            return self._one_of_two(said)
        if not found.fhir and said.strip("0"):
            self.note(f"{place} is no time")
        return found.fhir

    def in_order(self, start: str, end: str, says: str) -> tuple[str, str]:
        """A period of two times. One that would end before it began has no end, for FHIR knows none such; `says` which it was."""
        if start and end and ends_first(start, end):
            self.note(f"{says}: the end is not carried")
            return start, ""
        return start, end

    def date(self, segment: Segment, field: int) -> str:
        said = segment.text(field)
        found = times.fhir_date(said) if said.strip("0") else ""
        if said.strip("0") and not found:
            self.note(f"{segment.name}-{field} is no date")
        return found

    def is_still_to_come(self, when: str) -> bool:
        """Whether a time, or the whole of a day, lies after the message itself was sent."""
        self._of_its_moment = True
        sent = times.fhir_time(self.message.header.text(7), self.zone, self.received_at)
        return bool(sent) and when[:10] > sent[:10]

    def order(self) -> tuple[str, str]:
        """When what the message says was recorded (EVN-2, where it says the minute; else MSH-7), and when it was sent.

        A clock that is far ahead of ours is not believed: what it says would stand against everything said later.
        """
        evn = self.message.first("EVN")
        sent = times.sorted_as(self.message.header.text(7), self.zone, self.received_at)
        recorded = times.sorted_as(evn.text(2), self.zone, self.received_at) if evn is not None else ""
        if self.received_at is not None:
            now = times.utc_text(self.received_at)
            if max(recorded, sent) > now and max(recorded, sent) > (latest := times.utc_text(self.received_at + times.AHEAD)):
                self.note("its clock is ahead of ours: its time of receipt counts")
                recorded, sent = (now if each > latest else each for each in (recorded, sent))
            sent = sent or now
        return recorded or sent, sent

    def here(self) -> Resource:
        """The organisation in whose name it came, with the name that people know the system by; {} where unknown."""
        if not self.sender.organisation:
            return {}
        named = {"display": self.sender.name} if self.sender.name else {}
        return {"type": "Organization", "identifier": {"system": ODS_ORGANISATION, "value": self.sender.organisation}, **named}

    def happened(self) -> str:
        """When the event took place (EVN-6), else when it was recorded, as FHIR writes it."""
        evn = self.message.first("EVN")
        return self.time(evn, 6) or self.time(evn, 2) or self.time(self.message.header, 7)

    def left(self) -> tuple[str, ...]:
        """Every place that holds something which was not carried, and every remark, each once with how often."""
        for segment in self.message.segments:
            technical = TECHNICAL.get(segment.name, ())
            for place in segment.unread():
                if place.split("-")[1].split(".")[0] not in technical and segment.name != "MSH":
                    self.note(f"{place} is not carried")
        return tuple(says if count == 1 else f"{says} (×{count})" for says, count in self._notes.items())


# What serves the message alone: numbers of lines, echoes of the trigger. They stay with the message as it came.
TECHNICAL = {
    "EVN": ("1",), "PID": ("1",), "PV1": ("1",), "NK1": ("1",), "AL1": ("1",), "DG1": ("1",), "PR1": ("1",),
    "OBR": ("1",),
    "OBX": ("1",), "NTE": ("1", "2"), "SPM": ("1",), "TXA": ("1",), "IAM": ("1",), "SCH": (), "AIS": ("1",), "AIP": ("1",),
    "AIL": ("1",),
    "AIG": ("1",), "RGS": ("1",), "RXR": (), "TQ1": ("1",), "GT1": ("1",), "IN1": ("1",),
}  # fmt: skip
