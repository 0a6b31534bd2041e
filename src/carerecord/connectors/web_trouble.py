"""What stops an answer from arriving, and how is it said? No address, id or text received stands in the words."""

from typing import Any


class WebTrouble(Exception):
    """Why no usable answer came. `says` is for people."""

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says


class NoAnswer(WebTrouble):
    """Refused, dropped, or silent until the time was up."""


class NotThere(NoAnswer):
    """It answers that it has no such thing."""


class NotTrusted(WebTrouble):
    """The other end could not prove who it is, or the way there is not encrypted."""


class TooLarge(WebTrouble):
    """More was coming than may be taken in; the rest was never read."""


class CutShort(WebTrouble):
    """The answer began and broke off."""


class Elsewhere(WebTrouble):
    """It sent us to another address. Nobody is followed there."""


class Denied(WebTrouble):
    """It does not accept our credentials."""


# X509_V_ERR_*, openssl/x509_vfy.h
_EXPIRED, _NOT_YET, _REVOKED, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 23, 62, 64


def why_not_trusted(error: Any) -> str:
    code = int(getattr(error, "verify_code", None) or 0)
    why = {
        _EXPIRED: "has expired",
        _NOT_YET: "is not valid yet",
        _REVOKED: "has been withdrawn",
        _WRONG_NAME: "is for another name",
        _WRONG_ADDRESS: "is for another name",
    }.get(code, "was not issued by anyone whom we trust")
    return f"Its certificate {why}, so it cannot be trusted."
