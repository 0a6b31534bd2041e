"""When is a child of this region immunised, and against what? The routine schedule, shortened."""

from datetime import date, timedelta

from carerecord.region.people.chart import Chart
from carerecord.region.shapes import RegionPerson

# Age in weeks, vaccine, dose, disease named for the page.
_CHILDHOOD: tuple[tuple[int, str, int, str], ...] = (
    (8, "Six-in-one (DTaP/IPV/Hib/HepB) vaccine", 1, "diphtheria, tetanus, pertussis, polio, Hib, hepatitis B"),
    (8, "Meningococcal group B vaccine", 1, "meningococcal group B"),
    (8, "Rotavirus vaccine", 1, "rotavirus"),
    (12, "Six-in-one (DTaP/IPV/Hib/HepB) vaccine", 2, "diphtheria, tetanus, pertussis, polio, Hib, hepatitis B"),
    (12, "Rotavirus vaccine", 2, "rotavirus"),
    (16, "Six-in-one (DTaP/IPV/Hib/HepB) vaccine", 3, "diphtheria, tetanus, pertussis, polio, Hib, hepatitis B"),
    (16, "Meningococcal group B vaccine", 2, "meningococcal group B"),
    (53, "Measles, mumps and rubella vaccine", 1, "measles, mumps, rubella"),
    (53, "Pneumococcal conjugate vaccine", 1, "pneumococcus"),
    (176, "Four-in-one pre-school booster", 1, "diphtheria, tetanus, pertussis, polio"),
    (176, "Measles, mumps and rubella vaccine", 2, "measles, mumps, rubella"),
    (676, "Human papillomavirus vaccine", 1, "human papillomavirus"),
    (730, "Three-in-one teenage booster", 1, "tetanus, diphtheria, polio"),
)


def childhood(chart: Chart, person: RegionPerson, until: date) -> None:
    for weeks, vaccine, dose, disease in _CHILDHOOD:
        due = person.born + timedelta(weeks=weeks, days=person.born.day % 6)
        if due < until:
            chart.immunise(vaccine, due, dose=dose, target=disease)


def winter(chart: Chart, person: RegionPerson, until: date, years: int = 3) -> None:
    """Influenza each autumn, for those invited."""
    for back in range(years):
        due = date(until.year - back, 10, 3 + person.born.day % 20)
        if person.born < due < until:
            chart.immunise("Influenza vaccine", due, target="influenza")
