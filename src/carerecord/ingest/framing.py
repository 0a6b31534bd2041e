"""Where does one message end and the next begin on an MLLP connection? Bytes in, messages out. Pure; never raises, never waits.

A frame is a vertical tab, the message, a file separator and a carriage return. Real engines also send many frames at once, halves
of frames, blanks and line ends between them, no first byte or no last one: each of these comes out as something that can be kept
and answered. Source: HL7 Implementation Support Guide, Minimal Lower Layer Protocol.
"""

import re
from typing import Final

from msgspec import Struct

START, END = 0x0B, 0x1C
_START, _END = bytes((START,)), bytes((END,))
_BLANKS: Final = re.compile(rb"[\r\n\t \x00]*")
KEPT_OF_LARGE: Final = 65_536  # what is kept of a message that is larger than it may be: enough to see whose and which it is
_BETWEEN: Final = b"\r\n\t \x00\x0b\x1c"  # what real engines send behind the end of a message
_TAIL: Final = 4  # its last bytes may be the half of another beginning

CUT_OFF: Final = "The message is cut off: another one began before its end."
WITHIN: Final = "The byte 0x1C, which ends a message, stands within it: what is behind that is lost. Take it out, send again."
NO_END: Final = "The message has no end: nothing more of it came in time."
NO_ROOM: Final = "There was no room for it just now. Nothing of it was taken: send it again."


def too_large(most_bytes: int) -> str:
    return f"The message is larger than {most_bytes / 1_000_000:g} MB, which is the most that is taken. Its beginning is kept."


class Framed(Struct, frozen=True, gc=False):
    """One message without its frame, or what there was of one."""

    raw: bytes
    fault: str = ""  # why it is no whole message; "" = it is


class Framing:
    """What has come on one connection so far. However much of it there is, each byte is looked at a few times, and no more."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self._from = 0  # where in the buffer the message begins, or what stands between messages
        self._within = False  # a message has begun and not ended
        self._large = ""  # … and its rest is let go as it comes: why
        self._looked = 0  # how far the buffer was searched for another beginning
        self._clear = 0  # … and for an end, of which there is none before here
        self.junk_bytes = 0  # between messages, over all the time of this connection

    @property
    def half(self) -> bool:
        """Whether a message has begun and its end has not come."""
        return self._within

    @property
    def held(self) -> int:
        """How many bytes of it are in memory."""
        return len(self._buffer)

    @property
    def spare(self) -> int:
        """So many fewer would be, if the message that has begun were let go."""
        return max(0, len(self._buffer) - self._from - KEPT_OF_LARGE - _TAIL) if self._within else 0

    def whole(self, data: bytes) -> Framed | None:
        """By far the most: one read, one message. None: it is to be added, and what comes of it asked for."""
        if (
            not self._within and not self._buffer and data[:1] == _START and data[-2:] == b"\x1c\r"
            and data.find(_END) == len(data) - 2 and data.find(_START, 1) < 0 and len(data) - 3 <= self._most_bytes
        ):  # fmt: skip
            return Framed(data[1:-2])
        return None

    def add(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Framed | None:
        """The next message of those that have ended; None where there is none yet."""
        while True:
            if self._within:
                found = self._step()
                if found is None or self._from > KEPT_OF_LARGE:
                    self._compact()
                return found
            if not self._begin():
                self._compact()
                return None

    def feed(self, data: bytes) -> list[Framed]:
        """All that ended with these bytes, in order."""
        self.add(data)
        return list(iter(self.next, None))

    def give_up(self) -> Framed | None:
        """What has come of a message whose end does not come; its rest, should it come after all, is junk."""
        if not self._within:
            return None
        half = self._cut(len(self._buffer), NO_END)
        self._compact()
        return half

    def let_go(self) -> None:
        """Hold no more of the message that has begun than its beginning: others need the room."""
        self._large = NO_ROOM
        self._shrink()

    def _step(self) -> Framed | None:
        end = self._buffer.find(_END, self._clear)
        self._clear = end if end >= 0 else len(self._buffer)
        again = self._buffer.find(b"\x0bMSH", self._looked, self._clear)
        if again >= 0:
            return self._cut(again, CUT_OFF)
        if end >= 0:
            framed = self._cut(end, "" if self._is_end(end) else WITHIN)
            self._from = self._clear = end + 1
            return framed
        if len(self._buffer) - self._from > self._most_bytes:
            self._large = self._large or too_large(self._most_bytes)
        if self._large:
            self._shrink()
        self._looked = max(self._from, len(self._buffer) - _TAIL)
        return None

    def _is_end(self, at: int) -> bool:
        """Whether what stands behind it, as far as it has come, is no more of the same message."""
        behind = self._buffer[at + 1 : at + 5]
        return behind[:1] in _BETWEEN or b"MSH|".startswith(behind)

    def _cut(self, end: int, fault: str) -> Framed:
        large = self._large or (too_large(self._most_bytes) if end - self._from > self._most_bytes else "")
        raw = bytes(memoryview(self._buffer)[self._from : min(end, self._from + KEPT_OF_LARGE) if large else end])
        self._from = end
        self._within, self._large = False, ""
        return Framed(raw, large or fault)

    def _begin(self) -> bool:
        """Pass over what stands between messages. One that lacks its first byte and begins at once is taken all the same."""
        held = self._buffer
        self._from = blank.end() if (blank := _BLANKS.match(held, self._from)) else self._from
        del blank  # it holds the buffer
        if self._from == len(held):
            return False
        if held[self._from] != START and b"MSH|".startswith(held[self._from : self._from + 4]):
            if len(held) - self._from < 4:
                return False
            self._begun()
            return True
        start = held.find(_START, self._from)
        self.junk_bytes += (len(held) if start < 0 else start) - self._from
        if start < 0:
            self._from = len(held)
            return False
        self._from = start + 1
        self._begun()
        return True

    def _begun(self) -> None:
        self._within, self._looked, self._clear = True, self._from, max(self._clear, self._from)

    def _shrink(self) -> None:
        self._compact()
        if (over := len(self._buffer) - KEPT_OF_LARGE - _TAIL) > 0:
            del self._buffer[KEPT_OF_LARGE:-_TAIL]
            self._looked = max(0, self._looked - over)
            self._clear = max(0, self._clear - over)

    def _compact(self) -> None:
        """What was passed over is held no longer."""
        if self._from:
            del self._buffer[: self._from]
            self._looked, self._clear = max(0, self._looked - self._from), max(0, self._clear - self._from)
            self._from = 0
