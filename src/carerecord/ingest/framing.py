"""Where does one message end and the next begin on an MLLP connection? Bytes in, messages out. Pure; never raises, never waits.

A frame is a vertical tab, the message, a file separator and a carriage return. Real engines also send many frames at once, halves
of frames, blanks and line ends between them, no first byte or no last one: each of these comes out as something that can be kept
and answered. Source: HL7 Implementation Support Guide, Minimal Lower Layer Protocol.
"""

from typing import Final

from msgspec import Struct

START, END = 0x0B, 0x1C
_START, _END = bytes((START,)), bytes((END,))
_BLANK: Final = b"\r\n\t \x00"
KEPT_OF_LARGE: Final = 65_536  # what is kept of a message that is larger than it may be: enough to see whose and which it is

CUT_OFF: Final = "The message is cut off: another one began before its end."
NO_END: Final = "The message has no end: nothing more of it came in time."


def too_large(most_bytes: int) -> str:
    return f"The message is larger than {most_bytes / 1_000_000:g} MB, which is the most that is taken. Its beginning is kept."


class Framed(Struct, frozen=True, gc=False):
    """One message without its frame, or what there was of one."""

    raw: bytes
    fault: str = ""  # why it is no whole message; "" = it is


class Framing:
    """What has come on one connection so far."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self._within = False  # a message has begun and not ended
        self._large = False  # … and is larger than it may be: its rest is let go as it comes
        self._looked = 0  # how much of the buffer was searched for an end
        self.junk_bytes = 0  # between messages, over all the time of this connection

    @property
    def half(self) -> bool:
        """Whether a message has begun and its end has not come."""
        return self._within

    def feed(self, data: bytes) -> list[Framed]:
        """All that ended with these bytes, in order."""
        if (
            not self._within and data[:1] == _START and data[-2:] == b"\x1c\r" and data.find(_END) == len(data) - 2
            and data.find(_START, 1) < 0 and len(data) - 3 <= self._most_bytes
        ):  # fmt: skip
            return [Framed(data[1:-2])]  # by far the most: one read, one message
        self._buffer += data
        found: list[Framed] = []
        while self._step(found):
            pass
        return found

    def give_up(self) -> Framed | None:
        """What has come of a message whose end does not come; its rest, should it come after all, is junk."""
        if not self._within:
            return None
        half = bytes(self._buffer[:KEPT_OF_LARGE] if self._large else self._buffer)
        fault = too_large(self._most_bytes) if self._large else NO_END
        self._forget(len(self._buffer))
        return Framed(half, fault)

    def _forget(self, count: int) -> None:
        del self._buffer[:count]
        self._within, self._large, self._looked = False, False, 0

    def _step(self, found: list[Framed]) -> bool:
        """One message or one stretch of junk; False when more has to come."""
        if not self._within:
            return self._begin()
        end = self._buffer.find(_END, self._looked)
        again = self._buffer.find(b"\x0bMSH", self._looked, end if end >= 0 else len(self._buffer))
        if again >= 0:
            found.append(self._cut(again, CUT_OFF))
            return True
        if end >= 0:
            found.append(self._cut(end, ""))
            del self._buffer[:1]
            return True
        if len(self._buffer) > self._most_bytes:
            self._large = True
        if self._large and len(self._buffer) > KEPT_OF_LARGE + 4:
            del self._buffer[KEPT_OF_LARGE:-4]  # the last bytes may be the half of a beginning
        self._looked = max(0, len(self._buffer) - 4)
        return False

    def _cut(self, end: int, fault: str) -> Framed:
        large = self._large or end > self._most_bytes
        raw = bytes(self._buffer[: min(end, KEPT_OF_LARGE) if large else end])
        self._forget(end)
        return Framed(raw, too_large(self._most_bytes) if large else fault)

    def _begin(self) -> bool:
        """Pass over what stands between messages. One that lacks its first byte and begins at once is taken all the same."""
        blank = len(self._buffer) - len(self._buffer.lstrip(_BLANK))
        del self._buffer[:blank]
        if not self._buffer:
            return False
        if self._buffer[0] != START and b"MSH|".startswith(self._buffer[:4]):
            if len(self._buffer) < 4:
                return False
            self._within = True
            return True
        start = self._buffer.find(_START)
        junk = len(self._buffer) if start < 0 else start
        self.junk_bytes += junk
        del self._buffer[:junk]
        if start < 0:
            return False
        del self._buffer[:1]
        self._within = True
        return True
