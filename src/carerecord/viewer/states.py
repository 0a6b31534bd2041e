"""What does a page say of a source that answered, did not, or may not be seen? A sign, a word, then a colour, in that order.

The words are those of the display rules: "none" is never ambiguous.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from carerecord.contracts.records import SectionState, SourceState
from carerecord.pages.formatting import Formatter, joined


@dataclass(frozen=True)
class Sign:
    icon: str
    tone: str  # held | empty | unshared | unseen | part | loading | ask | off | bad | withheld
    word: str


SIGNS = {
    "live": Sign("tick", "held", "Answered"),
    "copy": Sign("tick", "held", "Copy"),
    "none held": Sign("tick", "empty", "Nothing held"),
    "not recorded": Sign("tick", "empty", "Not recorded"),
    "not shared": Sign("tick", "unshared", "Does not share this"),
    "not asked": Sign("notasked", "ask", "Not asked"),
    "not switched on": Sign("notasked", "off", "Not switched on yet"),
    "loading": Sign("loading", "loading", "Still loading"),
    "no answer": Sign("unseen", "unseen", "Did not answer"),
    "unreadable": Sign("unseen", "unseen", "Answer unreadable"),
    "incomplete": Sign("half", "part", "Incomplete"),
    "out of date": Sign("half", "part", "Copy, not live"),
    "withheld": Sign("lock", "withheld", "Some items not shown to you"),
    "not permitted": Sign("lock", "withheld", "Not shown in your role"),
    "discarded": Sign("cross", "bad", "Answer discarded"),
    "not given": Sign("unseen", "unseen", "Gave no record"),
    "withheld at source": Sign("lock", "withheld", "Withheld at source"),
    "registered elsewhere": Sign("tick", "unshared", "Registered elsewhere"),
}
COPIED = Sign("tick", "copy", "Copy")  # on the mark of one item that a copy holds
_UNKNOWN = Sign("unseen", "unseen", "Not available")

# Tones of which a reader must know before relying on a list, worst first.
TROUBLE = ("bad", "unseen", "loading", "part", "withheld", "off", "ask")
ALIKE = ("unseen", "loading", "off")  # tones of which one source's sentence says no more than another's
MANY = 12  # sources: with more than these a list of names is no news, and the strip folds those that answered
NAMED = 6  # of one state in one sentence
MOST_NAMED = NAMED + 1  # "and 1 more" would be no shorter than the name
RETRY = {"no answer": "Retry", "unreadable": "Ask again", "incomplete": "Ask again", "discarded": "Ask again",
         "not asked": "Ask anyway", "out of date": "Ask again", "not given": "Ask again"}  # fmt: skip


def sign(state: str) -> Sign:
    return SIGNS.get(state, _UNKNOWN)


def trouble(state: str) -> bool:
    return sign(state).tone in TROUBLE


def sentence(source: SourceState, fmt: Formatter, section: SectionState | None = None) -> str:
    """One sentence about one source, or about one section of it."""
    state = section.state if section else source.state
    says = (section.says if section else "") or ("" if section and section.state != source.state else source.says)
    kept = section.kept if section else source.kept
    at = fmt.clock(source.as_at) if source.as_at else ""
    last = f" Last answer {fmt.at(source.last_answer)}." if source.last_answer else ""
    match state:
        case "no answer" if kept == "copy":
            return f"{source.name} is not asked, and its copy cannot be read just now."
        case "no answer":
            return f"{source.name} did not answer{f' at {at}' if at else ''}.{last}"
        case "loading" if kept == "copy":
            return f"{source.name} still loading. {as_at(source, fmt, section)} is shown until it answers."
        case "loading":
            return f"{source.name} still loading ({source.elapsed_s:.0f} s)."
        case "unreadable":
            return f"{source.name} answered with something that could not be read.{last}"
        case "incomplete":
            return f"{source.name}: {says.rstrip('.') or _shown(section, source)}."
        case "out of date" if says:
            return f"{source.name} did not answer{f' at {at}' if at else ''}. {as_at(source, fmt, section)}.{last}"
        case "out of date":
            return f"{source.name}: {as_at(source, fmt, section)}, which is older than it should be."
        case "copy":
            return f"{source.name} is not asked. {as_at(source, fmt, section)}."
        case "not given":
            return f"{source.name}: {says or 'this practice did not give a record.'}"
        case "withheld at source":
            return f"{source.name}: withheld at source. {says}".rstrip()
        case "registered elsewhere":
            return f"{source.name}: {says or 'this person is registered with another practice.'}"
        case "discarded":
            return f"{source.name} answered about another person; nothing of it is shown."
        case "withheld":
            return f"{source.name}: some items are not shown to you.{f' {says}' if says else ''}"
        case "not permitted":
            return f"{source.name}: not shown in your role.{f' {says}' if says else ''}"
        case "not asked":
            return f"{source.name} was not asked. {says or 'No sign that it knows this person.'}"
        case "not switched on":
            return f"{source.name} is not switched on yet."
        case "not shared":
            return f"{source.name} does not share this."
        case "not recorded" if kept == "copy":
            return f"Not recorded in {source.name}. {as_at(source, fmt, section)}."
        case "not recorded" | "none held":
            return f"Not recorded in {source.name}."
        case "live" if kept == "here":
            return f"{source.name}: kept here."
        case _:
            return f"{source.name} answered{f' at {at}' if at else ''}."


def as_at(source: SourceState, fmt: Formatter, section: SectionState | None = None) -> str:
    """Copy as at 06-Aug-2018 17:30: never read as current, whatever stands beside it."""
    return f"Copy as at {fmt.at((section.as_at if section else '') or source.copy_at or source.as_at)}"


def answered(source: SourceState) -> bool:
    """Whether the source itself has answered, by now and whole: a copy has not."""
    return sign(source.state).tone in ("held", "empty") and source.kept != "copy"


def counted_as(source: SourceState) -> str:
    """The word under which a source is counted that has not answered."""
    return "copy" if source.kept == "copy" and not trouble(source.state) else sign(source.state).word.lower()


def _shown(section: SectionState | None, source: SourceState) -> str:
    shown = section.count if section else source.count
    unreadable = section.unreadable if section else source.unreadable
    whole = (section.sent if section else source.sent) or shown + unreadable
    return f"{shown} of {'at least ' if whole <= shown else ''}{max(whole, shown)} shown"


def together(told: Sequence[tuple[SourceState, SectionState]], fmt: Formatter, of: int) -> str:
    """Several gaps in one line: a source that is alone in its state has its sentence, others are named after their word.

    More of one word than a sentence bears are counted, `of` all that share the section: whoever shows this line shows
    `silent` beside it, or stands below the strip, and both have every name.
    """
    alike: dict[str, list[tuple[SourceState, SectionState]]] = {}
    for source, section in told:
        alike.setdefault(sign(section.state).word, []).append((source, section))
    return " ".join(
        sentence(same[0][0], fmt, same[0][1]) if len(same) == 1 and word != "Not asked"
        else counted(word, len(same), of) if len(same) > MOST_NAMED and sign(same[0][1].state).tone in ALIKE
        else f"{word}: {_counted(same) if word == 'Not asked' else named([source.name for source, _ in same])}."
        for word, same in alike.items()
    )  # fmt: skip


def counted(word: str, count: int, of: int) -> str:
    """27 of 32 sources did not answer."""
    return f"{count} of {of} sources did not answer." if word == "Did not answer" else f"{word}: {count} of {of} sources."


def _counted(told: Sequence[tuple[SourceState, SectionState]]) -> str:
    """Whom nobody had a reason to ask: by name where they are few."""
    return named([source.name for source, _ in told]) if len(told) <= MOST_NAMED else f"{len(told)} sources"


def named(names: Sequence[str]) -> str:
    """Names as far as a sentence bears them; the strip has them all."""
    if len(names) <= MOST_NAMED:
        return joined(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def brief(source: SourceState, fmt: Formatter, *, late: bool) -> str:
    """What stands beside a source's name in the strip: few words. `late`: worth saying that it was."""
    after = f"Joined late, {source.elapsed_s:.0f} s. " if late else ""
    match source.state:
        case "live" | "copy":
            return f"{after}{source.count} item{'' if source.count == 1 else 's'}{_from_where(source, fmt)}"
        case "not recorded" if source.kept == "copy":
            return f"Nothing held. {as_at(source, fmt)}"
        case "none held" | "not recorded":
            return f"{after}Nothing held"
        case "no answer" if source.kept == "copy":
            return "Its copy cannot be read"
        case "no answer":
            return f"Did not answer {fmt.clock(source.as_at)}" if source.as_at else "Did not answer"
        case "loading" if source.kept == "copy":
            return f"Still loading. {as_at(source, fmt)}"
        case "loading":
            return f"Still loading ({source.elapsed_s:.0f} s)"
        case "incomplete":
            return f"{after}{source.says or _shown(None, source)}"
        case "out of date":
            silent = f"Did not answer {fmt.clock(source.as_at)}. " if source.says and source.as_at else ""
            return f"{silent}{as_at(source, fmt)}"
        case _:
            return sign(source.state).word


def _from_where(source: SourceState, fmt: Formatter) -> str:
    if source.kept != "copy":
        return ", kept here" if source.kept == "here" else ""
    some = any(each.state == "live" for each in source.sections)
    return f"; {'some from a copy' if some else 'copy'} as at {fmt.at(source.copy_at)}"
