"""What does somebody wait to be told of, and does a version that was written answer it? Asked of holdings."""

from msgspec import Struct

from carerecord.contracts.clients import Reach


class Watch(Struct, frozen=True):
    """What somebody waits for: the parameters of a search, about the resource itself, and what of it they may see."""

    query: tuple[tuple[str, str], ...]
    reach: Reach


class WatchableAsked(Struct, frozen=True):
    """May resources of this type be waited for so? Asked before a watch is set, so that its setter hears what is wrong."""

    type: str
    query: tuple[tuple[str, str], ...]
    base: str = ""


class Watchable(Struct, frozen=True):
    parameters: tuple[str, ...]  # by which it narrows


class Changed(Struct, frozen=True):
    """One version of one resource, as `Kept` told of it."""

    id: str
    version: int
    gone: bool = False  # it is a deletion, and answers what it deleted


class AnswersAsked(Struct, frozen=True):
    """Which of these watches do these versions of a type answer?

    Asked by the service that sends notices. Nobody is shown anything by it, so no line is written: each notice has its own.
    """

    type: str
    changed: tuple[Changed, ...]
    watches: tuple[Watch, ...]
    base: str = ""


class Answering(Struct, frozen=True):
    """Of one version, a word for each watch: that it answers, and may be seen now. And where it lies, for policy."""

    answers: tuple[bool, ...]
    patient: str = ""
    section: str = ""
