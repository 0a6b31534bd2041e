"""Scene 8: the laboratory filed one twin's result under the other twin's number."""

from dataclasses import replace
from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import TESTS
from carerecord.region.people.signs import WEIGHT
from carerecord.region.scenes.cast import NAIR, Cast, Told
from carerecord.region.shapes import Scene


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 80)
    home, born = ("26 Greenfield Way", "Aldermoor", "ZZ1 7ZI"), cast.days(28)
    common = {"ethnicity": "Asian or Asian British: Pakistani", "household": "iqbal"}
    zara = cast.person("zara-iqbal", "805312", "Miss", "Zara", "Iqbal", "female", born, home, ELM_BANK, twin=1, **common)
    zoya = cast.person("zoya-iqbal", "805346", "Miss", "Zoya", "Iqbal", "female", born, home, ELM_BANK, twin=2, **common)
    visitor = By("R Heald", "health visitor", "01632 960 512")
    for baby, weight in ((zara, 3.1), (zoya, 2.9)):
        gp = cast.chart(baby, "elm-bank")
        gp.encounter("Registration of a newborn", cast.at(20, 11))
        nurse = cast.chart(baby, "fells-health-visiting", visitor)
        nurse.encounter("Health visitor new birth visit", cast.at(14, 10), kind="HH")
        nurse.observe(WEIGHT, cast.at(14, 10), (weight, "kg", "kg"))
        birth = cast.chart(baby, "aldermoor-maternity")
        birth.encounter("Birth", born, kind="IMP", reason="Twin birth at 37 weeks")
    door = cast.chart(zara, "aldermoor-emergency", NAIR)
    door.encounter("A&E attendance", cast.minutes(31), kind="EMER", state="in-progress", reason="Feeding poorly")
    # The laboratory knows one Iqbal twin: Zara's number, Zoya's name and Zoya's blood.
    mixed = replace(zoya, nhs_number=zara.nhs_number)
    cast.people.append(mixed)
    lab = cast.chart(mixed, "aldermoor-pathology", None, "no-address")
    cast.people.remove(mixed)
    lab.person = zara.key
    lab.result(TESTS["bilirubin"], 268, cast.at(1, 11, 5), note="Second of twins.")
    scene = Scene(
        number=8,
        title="Twins",
        story="Zara and Zoya Iqbal are 4 weeks old. Aldermoor's laboratory filed Zoya's bilirubin under Zara's NHS number.",
        user="priya.nair", patient=zara.key, nhs_number=zara.nhs_number, reason="Attending the emergency department now",
        look_for=("The laboratory's answer is held behind a mismatch warning on the given name", "Twin in both banners"),
        must_show=("IQBAL, Zara", "Twin", "Zoya"), must_not_show=(), others=(zoya.key,),
        complete=False,  # the review page and its undo come later
    )  # fmt: skip
    return scene, cast.told()
