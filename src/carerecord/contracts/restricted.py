"""Whose whereabouts are protected, for those who must show nothing that would tell them?"""

from msgspec import Struct


class RestrictedAsked(Struct, frozen=True):
    """Who was called restricted, or not any more, since? Asked again and again by those who keep up; nobody is shown it."""

    after: int = 0
    most: int = 500


class Protected(Struct, frozen=True):
    """One entry that says so, with all by which its person is known. Neither numbers nor entries: it says so no more."""

    patient: str  # an id of the index
    numbers: tuple[str, ...] = ()  # NHS numbers
    entries: tuple[tuple[str, str], ...] = ()  # source, and the id there


class EntriesAsked(Struct, frozen=True):
    """By which ids do their sources know this person? Of a restricted one too: for our own work, and nobody is shown it."""

    patient: str


class Restricted(Struct, frozen=True):
    people: tuple[Protected, ...]
    upto: int  # ask after this one the next time; it may be a lower one, where the index was restored as it stood before
    good_for_s: float  # from the moment at which it was asked: nobody is called restricted sooner who is not here
