"""Can the content of a message be read? Asked at the door, before it is answered: what cannot be read is kept, and said so."""

from carerecord.ingest.hl7v2 import Unreadable, parse, split


def fault_in(raw: bytes, charset: str = "") -> str:
    """Why not, for a person; "" = it can."""
    try:
        found = split(raw)
        for each in found:
            parse(each, charset)
    except Unreadable as fault:
        return fault.reason[:1].upper() + fault.reason[1:]
    except Exception:
        return ""  # a fault of ours is not the sender's: it is taken, and whoever files it meets the fault and says so
    return "" if found else "There is no message in it."
