"""Who sees which section, and for what? The matrix that a book of rules makes, as a page for those who must sign it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from carerecord.contracts.roles import ROLES
from carerecord.fhir.sections import ALL
from carerecord.policy.model import UNNAMED, VOCABULARY, WHOLE, Book, Case, Written

# A purpose and its letter in a cell, in the order in which letters stand there.
PURPOSES: Mapping[str, str] = {"direct-care": "C", "emergency": "E", "safeguarding": "S", "administration": "A", "privacy": "P"}
_INTRODUCTION = """\
# Who sees what

Written by `make access` from the rules of `src/carerecord/policy/rules/`; a test fails when it is out of date, and
`tests/policy/test_matrix.py` holds every cell to a table written by hand. `carerecord access` prints it for rules of your own.

A letter is a purpose for which the role sees the section: **C** direct care, **E** emergency, **S** safeguarding,
**A** administration. A dot: never. The reader has a relationship to the person that an attendance or a registration
shows, or that they state in words; without one nothing is opened. What a cell permits is then narrowed by what is
[withheld](#withheld-whoever-asks), by what the person has said about sharing, and by what each source shares.
"""
_ABOUT_FLAGS = """
Flags stand under three headings, because three circles of people need them: what must be adjusted for somebody
(*Reasonable adjustments*), who may come to harm or do harm (*Safeguarding and safety*), and clinical alerts (*Alerts
and flags*). So a social worker sees a child protection plan, and not that somebody takes an anticoagulant. A flag that
says nothing of its kind is a clinical alert: the fewest see it.

What a role may not see is not fetched; of flags, which a source sends under one type, those that the role may not see
are dropped on arrival. The page names the sections, under the rule, and says nothing of whether there is anything in them."""
_STATED = "claimed"  # the weakest relationship that opens a record: a closer one never shows less


def cell(book: Book, role: str, section: str) -> str:
    """The letters of the purposes for which this role sees this section of somebody whom they say they look after; "" = never."""
    return "".join(letter for purpose, letter in PURPOSES.items() if _sees(book, role, section, purpose))


def _sees(book: Book, role: str, section: str, purpose: str) -> bool:
    case = Case(role=role, relationship=_STATED, purpose=purpose, section=section)
    return book.whole(case) is None and book.section(case).then == "permit"


def page(book: Book) -> str:
    """The matrix in Markdown, with what is withheld, what else may be done, and every rule with where it comes from."""
    return "\n".join(_lines(book)) + "\n"


def _lines(book: Book) -> Iterator[str]:
    yield _INTRODUCTION
    yield from _table(["role", *(each.title for each in ALL)], [
        [name, *(cell(book, role, each.id) or "·" for each in ALL)] for role, name in ROLES.items()
    ])  # fmt: skip
    yield _ABOUT_FLAGS
    yield from ("", "## What may be done beside opening a section", "")
    actions = sorted(VOCABULARY["action"])
    yield from _table(["role", *actions], [
        [name, *("yes" if book.action(Case(role=role, action=each)).then == "permit" else "·" for each in actions)]
        for role, name in ROLES.items()
    ])  # fmt: skip
    for title, thens in (
        ("Decided for the whole of an opening", WHOLE),
        ("Never named to others", (UNNAMED,)),
        ("Withheld, whoever asks", ("withhold",)),
        ("Permitted", ("permit",)),
    ):
        yield from ("", f"## {title}", "")
        yield from _table(["rule", "says", "source"], [_row(each) for each in book.rules if each.then in thens])


def _row(written: Written) -> list[str]:
    return [f"`{written.rule.id}`", written.rule.says, written.rule.source]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(each.replace('|', '/') for each in row)} |"
