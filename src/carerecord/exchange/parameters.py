"""What does a client ask of an operation? By its address, or by Parameters: the same words either way."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from carerecord.exchange.links import Query, pairs_of
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import NotUnderstood


class _Coding(Struct):
    system: str = ""
    code: str = ""


class _Concept(Struct):
    coding: list[_Coding] = []


class _Reference(Struct):
    reference: str = ""


class Parameter(Struct):
    name: str = ""
    resource: Raw = Raw(b"")
    valueString: str = ""
    valueId: str = ""
    valueCode: str = ""
    valueUri: str = ""
    valueCanonical: str = ""
    valueDate: str = ""
    valueDateTime: str = ""
    valueInstant: str = ""
    valueBoolean: bool | None = None
    valueInteger: int | None = None
    valuePositiveInt: int | None = None
    valueUnsignedInt: int | None = None
    valueReference: _Reference = msgspec.field(default_factory=_Reference)
    valueCoding: _Coding = msgspec.field(default_factory=_Coding)
    valueCodeableConcept: _Concept = msgspec.field(default_factory=_Concept)

    @property
    def said(self) -> str:
        """As an address would say it."""
        coding = next((each for each in (*self.valueCodeableConcept.coding, self.valueCoding) if each.code), None)
        if coding is not None:
            return f"{coding.system}|{coding.code}" if coding.system else coding.code
        if self.valueBoolean is not None:
            return str(self.valueBoolean).lower()
        numbers = (self.valueInteger, self.valuePositiveInt, self.valueUnsignedInt)
        number = next((each for each in numbers if each is not None), "")
        return (
            self.valueString or self.valueId or self.valueCode or self.valueUri or self.valueCanonical or self.valueDate
            or self.valueDateTime or self.valueInstant or self.valueReference.reference or str(number)
        )  # fmt: skip


class _Parameters(Struct):
    resourceType: str = ""
    parameter: list[Parameter] = []


_parameters: Final = msgspec.json.Decoder(_Parameters)


def read(body: bytes) -> list[Parameter]:
    """Raises NotUnderstood: it is not Parameters."""
    told = perhaps(body)
    if told is None:
        raise NotUnderstood("Send Parameters, each with the value that this operation takes.")
    return told


def perhaps(body: bytes) -> list[Parameter] | None:
    """None for what is not Parameters."""
    try:
        told = _parameters.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return told.parameter if told.resourceType == "Parameters" else None


async def asked(visit: Visit) -> Query:
    """By the address, and where it is posted by Parameters too. Raises NotUnderstood: a body that is not Parameters."""
    pairs = pairs_of(visit.query)
    headers = visit.request.headers
    nothing_sent = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if visit.request.method != "POST" or nothing_sent:
        return pairs
    return (*pairs, *((each.name, each.said) for each in read(await visit.body())))
