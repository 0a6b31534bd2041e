"""What is told to holdings of what people keep back from systems, and how far that is known there?"""

from msgspec import Struct


class Hung(Struct, frozen=True):
    """What one objection keeps back, or one who calls somebody restricted, and of whom: Patients that are kept here, and whoever
    bears one of these numbers."""

    objection: str
    patients: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()  # NHS numbers
    sections: tuple[str, ...] = ()  # none, nor `places`: it is over
    source: str = ""
    organisation: str = ""
    rule: str = ""
    says: str = ""
    places: bool = False  # restricted: what tells where the person is is taken out of all the rest


class VeilAsked(Struct, frozen=True):
    """These veils hang from now on, in place of those of the same objections. How far consent was heard by that, and how far the
    index."""

    hung: tuple[Hung, ...] = ()
    upto: int = 0
    restricted_upto: int = 0


class Veiled(Struct, frozen=True):
    upto: int  # so far consent has been heard
    restricted_upto: int = 0
