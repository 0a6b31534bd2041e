"""What was answered on a form? Each question with its answer, in the order of the form."""

from typing import Any

from carerecord.fhir.codes import dicts_in, text_in
from carerecord.fhir.numbers import number_text
from carerecord.fhir.read.words import Resource, quantity, title_of

_DEEPEST = 12  # groups within groups; nobody's form goes further, and a made-up one ends there


def answers_of(form: Resource, depth: int = 0) -> list[str]:
    """One line for each question that was answered: "Do you smoke? No"."""
    said: list[str] = []
    for each in dicts_in(form, "item"):
        answers = dicts_in(each, "answer")
        words = ", ".join(filter(None, (_words(answer) for answer in answers)))
        asked = text_in(each, "text")
        if words:
            said.append(" ".join(filter(None, (asked if asked.endswith(("?", ":")) or not asked else f"{asked}:", words))))
        if depth < _DEEPEST:
            for holder in (each, *answers):
                said += answers_of(holder, depth + 1)
    return said


def _words(answer: Resource) -> str:
    for name, value in answer.items():
        if name.startswith("value"):
            return _said(value) or "answered, but not in words"
    return ""  # an answer that holds nothing but further questions


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict):
        if "value" in value:
            return quantity(value)
        return title_of(value) or text_in(value, "title") or text_in(value, "url")
    return value.strip() if isinstance(value, str) else number_text(value)
