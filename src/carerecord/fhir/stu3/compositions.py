"""How does an STU3 Composition, the letter that a transfer of care sends, become R4?"""

from typing import Any, Final

from carerecord.fhir.stu3.carry import ELEMENT, MALFORMED, RESOURCE, Element, Rules, Work, group, listed, plain, same


def _attesters(work: Work, out: Element, value: Any, path: str) -> None:
    """One may attest in several modes in STU3; in R4 it is named once for each."""
    for each in value if type(value) is list else (value,):
        modes = each.get("mode") if type(each) is dict else None
        if type(modes) is str:
            modes = [modes]
        if type(modes) is not list or not all(type(mode) is str for mode in modes) or "_mode" in each:
            work.lose(path, MALFORMED)
            continue
        rest = plain(work, {name: inner for name, inner in each.items() if name != "mode"})
        out.setdefault("attester", []).extend({**rest, "mode": mode} for mode in modes)


def _sections(work: Work, out: Element, value: Any, path: str) -> None:
    group("section", _SECTION, many=True)(work, out, value, path)


_SECTION: Final[dict[str, Any]] = {
    **ELEMENT,
    **same("title", "code", "text", "mode", "orderedBy", "entry", "emptyReason"),
    "section": _sections,
}
COMPOSITION: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "status", "type", "subject", "encounter", "date", "author", "title", "confidentiality", "custodian",
        "relatesTo", "event",
    ),
    "class": listed("category"),
    "attester": _attesters,
    "section": _sections,
}  # fmt: skip
