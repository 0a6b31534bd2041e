"""How is each kind of value written? One formatter, two modes: CUI for clinicians, the NHS service manual for patients."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from markupsafe import Markup, escape

from carerecord.contracts.patients import Demographics
from carerecord.fhir.facts import Medicine
from carerecord.pages import dates, medicines, names
from carerecord.pages.dates import LONDON, Moment, moment

Mode = Literal["clinician", "patient"]
_NO_BIRTH_DATE = frozenset(("0001-01-01", "1800-01-01", "1900-01-01", "9999-12-31"))  # what systems send where they know none
_ISO_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")


@dataclass(frozen=True)
class Formatter:
    """Every value of one page, written at one moment `now` for one kind of reader."""

    now: datetime
    mode: Mode = "clinician"
    # What this page has written before: thousands of items share few days, doses and times of fetching. It dies with the page.
    _moments: dict[str, Moment | None] = field(default_factory=dict, repr=False, compare=False)
    _written: dict[tuple[str, str], Markup] = field(default_factory=dict, repr=False, compare=False)
    _at: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _lines: dict[tuple[object, ...], medicines.MedicineLine] = field(default_factory=dict, repr=False, compare=False)

    @property
    def plain(self) -> bool:
        return self.mode == "patient"

    # Moments

    def moment(self, text: str) -> Moment | None:
        """As `dates.moment`."""
        if text not in self._moments:
            self._moments[text] = moment(text)
        return self._moments[text]

    def date(self, text: str) -> str:
        when = self.moment(text)
        if when is None:
            return text or self.missing()
        return dates.long_date(when) if self.plain else dates.short_date(when)

    def time(self, text: str) -> str:
        when = self.moment(text)
        if when is None or not when.timed:
            return self.missing()
        return dates.clock_12(when) if self.plain else dates.clock_24(when)

    def at(self, text: str) -> str:
        """Date, and time where the source stated one."""
        if text not in self._at:
            when = self.moment(text)
            timed = when is not None and when.timed
            self._at[text] = f"{self.date(text)}{' at ' if self.plain else ' '}{self.time(text)}" if timed else self.date(text)
        return self._at[text]

    def at_tag(self, text: str, *, day_only: bool = False) -> Markup:
        """The moment as a <time>: short for the eye, long for a screen reader (D+Ta-0011)."""
        key = (text, "day" if day_only else "")
        if key not in self._written:
            self._written[key] = self._tag(text, day_only=day_only)
        return self._written[key]

    def _tag(self, text: str, *, day_only: bool) -> Markup:
        when = self.moment(text)
        if when is None:
            return Markup("<span class=cr-missing>{}</span>").format(text or self.missing())
        shown = self.date(text) if day_only else self.at(text)
        spoken = dates.long_date(when) + ("" if day_only or not when.timed else f" {dates.clock_24(when)}")
        inside = f'<span aria-hidden="true">{shown}</span><span class="cr-vh">{spoken}</span>' if shown != spoken else shown
        return Markup(f'<time class="cr-nb" datetime="{escape(text)}">{inside}</time>')  # noqa: S704 - digits and months alone

    def clock(self, text: str) -> str:
        """The time alone when it was today, else the date too: for `did not answer at 14:02`."""
        when = self.moment(text)
        if when is None:
            return self.missing()
        today = self.now.astimezone(LONDON)
        same = (when.year, when.month, when.day) == (today.year, today.month, today.day)
        return self.time(text) if same and when.timed else self.at(text)

    def dated(self, text: str) -> str:
        """A sentence in which each day is written for this reader."""
        return _ISO_DAY.sub(lambda found: self.date(found[0]), text)

    def since(self, text: str) -> str:
        when = self.moment(text)
        return dates.since(when, self.now) if when else ""

    def is_old(self, text: str, days: int = 365) -> bool:
        when = self.moment(text)
        return when is not None and (self.now - when.first()).days > days

    # People

    def name(self, demographics: Demographics) -> str:
        return names.plain_name(demographics) if self.plain else names.cui_name(demographics)

    def born(self, text: str) -> str:
        """14-Jul-1945 (61y): the age directly after, in brackets, without a label (PAB-0033, 0034, 0042)."""
        when = self.moment(text)
        if when is None:
            return self.missing("Unknown")
        if text[:10] in _NO_BIRTH_DATE:
            return f"{self.missing('Unknown')} (sent as {self.date(text)})"
        return self.date(text) if self.plain else f"{self.date(text)} ({dates.age(when, self.now)})"

    def age(self, text: str, at: str = "") -> str:
        born, then = self.moment(text), self.moment(at)
        if born is None or text[:10] in _NO_BIRTH_DATE or (at and then is None):
            return self.missing("Unknown")
        return dates.age(born, then.first() if then else self.now)

    def died(self, who: Demographics) -> str:
        """What is recorded of a death, "" where nothing is. One that is in doubt never reads as one that is not."""
        told = who.deceased not in ("", "false")
        when = "" if not told else "date Not recorded" if who.deceased == "true" else self.date(who.deceased)
        if who.death_doubted == "register":
            return f"In doubt: {when}, of which the national register (PDS) knows nothing"
        if who.death_doubted:
            return f"In doubt: {when}, once taken back" if told else "One was recorded and taken back"
        return when

    def nhs_number(self, text: str) -> str:
        return names.nhs_number(text) if text else self.missing("Not recorded")

    def gender(self, text: str) -> str:
        return names.gender(text, plain=self.plain)

    # Medicines and what is missing

    def quantity(self, text: str) -> str:
        return medicines.quantity(text, plain=self.plain)

    def medicine(self, medicine: Medicine) -> medicines.MedicineLine:
        m = medicine
        key = (m.group, m.substance, m.form, m.dose, m.dose_generated, m.amount, m.route, m.frequency)
        if key not in self._lines:
            line = medicines.medicine_line(medicine, plain=self.plain)
            self._lines[key] = replace(line, dose=self.dated(line.dose)) if line.dose_generated else line
        return self._lines[key]

    def missing(self, word: str = "Not recorded") -> str:
        """Never a blank and never a question mark (D+Ta-0022, PAB-0019)."""
        return "We do not have this" if self.plain else word


def joined(parts: Iterable[str], last: str = " and ") -> str:
    """A, B and C."""
    words = tuple(parts)
    return last.join(filter(None, (", ".join(words[:-1]), *words[-1:])))


_DATE = re.compile(r"\b\d\d-[A-Z][a-z]{2}-\d{4}(?: \d\d:\d\d)?")


def whole_dates(text: str) -> Markup:
    """Text in which no date is broken over two lines."""
    if "-" not in text:
        return escape(text)
    return Markup(_DATE.sub(lambda found: f'<span class="cr-nb">{found[0]}</span>', str(escape(text))))  # noqa: S704 - escaped


def css_text(text: str) -> Markup:
    """Text as a CSS string for the margins of a printed page: every character that could end it or the element is escaped."""
    safe = "".join(each if each.isalnum() or each in " .,:;()-" else f"\\{ord(each):06x} " for each in text)
    return Markup(f'"{safe}"')  # noqa: S704 - nothing is left that could end the string or the element
