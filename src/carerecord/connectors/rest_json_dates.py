"""When did it happen, as FHIR writes it? A supplier's own way of writing dates, made no more precise than it was."""

import re
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from carerecord.connectors.rest_json_paths import BadPath

_ISO: Final = re.compile(r"(\d{4}(?:-\d\d(?:-\d\d)?)?)(?:T(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?\Z", re.ASCII)
_PARTS: Final = re.compile(r"%.")
_KNOWN_PARTS: Final = ("%Y", "%m", "%d", "%H", "%M", "%S", "%f", "%b", "%B", "%z", "%I", "%p", "%j")


def check_format(format_: Any) -> None:
    if format_ == "iso":
        return
    parts = _PARTS.findall(format_) if isinstance(format_, str) else []
    if not parts or "%Y" not in parts:
        raise BadPath(f'format {format_!r} has no year of four digits (%Y); write "iso" or such as "%d/%m/%Y %H:%M"')
    odd = next((each for each in parts if each not in _KNOWN_PARTS), "")
    if odd:
        raise BadPath(f"format knows no {odd}; it knows {' '.join(_KNOWN_PARTS)}")


def zone_name(name: Any) -> str:
    try:
        ZoneInfo(str(name))
    except (ValueError, LookupError, OSError):
        raise BadPath(f"zone {name!r} is not known; write such as Europe/London") from None
    return str(name)


def dated(text: str, format_: str, zone: ZoneInfo) -> str:
    """A FHIR date or dateTime as precise as the text; "" where it does not fit the format."""
    if format_ == "iso":
        found = _ISO.match(text.replace(" ", "T", 1))
        if not found:
            return ""
        day, time, seconds, offset = found.groups()
        try:
            if not time:
                datetime(*[int(each) for each in (day + "-01-01").split("-")[:3]], tzinfo=UTC)  # type: ignore[misc,arg-type]
                return day
            at = datetime.fromisoformat(f"{day}T{time}{(seconds or ':00').split('.')[0]}{(offset or '').replace('Z', '+00:00')}")
        except ValueError:
            return ""
        return f"{day}T{time}{seconds or ':00'}{offset}" if offset else _placed(at, zone, seconds or ":00")
    try:
        at = datetime.strptime(text, format_)  # noqa: DTZ007 -- the zone is that of the mapping, put on below
    except ValueError:
        return ""
    if "%H" in format_ or "%I" in format_:
        return at.isoformat(timespec="seconds") if at.tzinfo else _placed(at, zone, f":{at.second:02d}")
    if "%d" in format_ or "%j" in format_:
        return at.isoformat()[:10]
    return at.isoformat()[: 7 if "%m" in format_ or "%b" in format_.lower() else 4]


def _placed(at: datetime, zone: ZoneInfo, seconds: str) -> str:
    """A local time with its offset; the day alone where the clocks make that time happen twice, or never, or where it was told by
    the sun, whose offset has seconds."""
    first, second = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    day, hour, offset = at.isoformat()[:10], at.strftime("%H:%M"), first.strftime("%z")
    if first.utcoffset() != second.utcoffset() or len(offset) != len("+0000"):
        return day
    return f"{day}T{hour}{seconds}{offset[:3]}:{offset[3:]}"
