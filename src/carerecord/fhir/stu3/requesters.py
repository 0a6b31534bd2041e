"""Who asked for it? STU3 says agent and on whose behalf, R4 the agent alone."""

from typing import Any

from carerecord.fhir.stu3.carry import MALFORMED, UNKNOWN, Element, Work, kept, plain

_REFERENCE = frozenset(("reference", "display", "identifier", "id", "extension"))


def requester(type_: str) -> Any:
    on_behalf_of = kept(f"{type_}.requester.onBehalfOf", "valueReference")

    def rule(work: Work, out: Element, value: Any, path: str) -> None:
        if type(value) is not dict:
            return work.lose(path, MALFORMED)
        if "agent" not in value and value.keys() <= _REFERENCE:  # a plain reference, as some suppliers send
            out["requester"] = plain(work, value)
            return None
        for name, inner in value.items():
            if name == "agent" and type(inner) is dict:
                out["requester"] = plain(work, inner)
            elif name == "onBehalfOf":
                on_behalf_of(work, out, inner, f"{path}.onBehalfOf")
            else:
                work.lose(f"{path}.{name}", MALFORMED if name == "agent" else UNKNOWN)
        return None

    return rule
