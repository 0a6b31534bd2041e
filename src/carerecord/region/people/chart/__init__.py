"""How does one system write down what it knows about one person?

A Chart is filled by a story, line by line, and then closed into a Holding. It knows the system's own identifiers and the
shape of UK Core R4; it knows no medicine and no person.
"""

from __future__ import annotations

from dataclasses import dataclass

from carerecord.region.people.chart.around import Around
from carerecord.region.people.chart.contacts import Contacts
from carerecord.region.people.chart.frame import HL7, LONDON, ODS, UK_CORE, By, When, coded, instant, medicine_name, said
from carerecord.region.people.chart.medicines import Medicines
from carerecord.region.people.chart.problems import Problems
from carerecord.region.people.chart.results import Results

__all__ = ["HL7", "LONDON", "ODS", "UK_CORE", "By", "Chart", "When", "coded", "instant", "medicine_name", "said"]


@dataclass
class Chart(Problems, Medicines, Results, Contacts, Around):
    """Every kind of entry, in one hand."""
