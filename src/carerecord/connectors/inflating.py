"""How is a packed answer unpacked while it arrives, so that a small one never becomes a huge one?"""

import zlib

from carerecord.connectors.web_trouble import CutShort, TooLarge

ENCODINGS = "gzip, deflate"
_MOST_MEMBERS = 1_000  # whoever packs by blocks of 64 KB needs 300; each costs as much as what follows it is long


class Inflating:
    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._unpacking: zlib._Decompress | None = None
        self._members = 0

    @classmethod
    def of(cls, encoding: bytes) -> "Inflating | None":
        """For a Content-Encoding in lower case; None for what we did not ask for, which is taken as it is."""
        if encoding in (b"gzip", b"x-gzip"):
            return cls(gzip=True)
        return cls(gzip=False) if encoding == b"deflate" else None

    @property
    def ended(self) -> bool:
        """Whether what came is whole; nothing is."""
        return self._unpacking is None or self._unpacking.eof

    def more(self, packed: bytes, most: int) -> bytes:
        """What this says, of which no more than `most` and one byte: who gets that has been sent too much.

        Raises:
            CutShort: it is not packed as it says. TooLarge: it is packed in too many pieces.
        """
        parts, room = [], most + 1
        try:
            while packed and room > 0:
                if self._unpacking is None or self._unpacking.eof:  # gzip may go on with another member
                    self._unpacking = zlib.decompressobj(self._window(packed))
                    self._members += 1
                    if self._members > _MOST_MEMBERS:
                        raise TooLarge("Its answer is too large.")
                part = self._unpacking.decompress(packed, room)
                room -= len(part)
                parts.append(part)
                packed = self._unpacking.unused_data if self._unpacking.eof else self._unpacking.unconsumed_tail
        except zlib.error:
            raise CutShort("Its answer broke off.") from None
        return b"".join(parts)

    def _window(self, packed: bytes) -> int:
        """`deflate` means zlib's form (RFC 9110, 8.4.1.2); some send the bare one, which never begins with an 8."""
        if self._gzip:
            return 16 + zlib.MAX_WBITS
        return zlib.MAX_WBITS if packed[0] & 0x0F == 8 else -zlib.MAX_WBITS
