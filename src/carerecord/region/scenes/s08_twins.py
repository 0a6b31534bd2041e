"""Scene 8: the laboratory filed one twin's result under the other twin's number."""

from dataclasses import replace
from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import TESTS
from carerecord.region.people.signs import WEIGHT
from carerecord.region.scenes.cast import NAIR, Cast, Told
from carerecord.region.shapes import Scene, View


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
        look_for=("The laboratory's answer is held behind a mismatch warning on the given name",
                  "Twin in both banners: open Zoya too, and find no bilirubin there",
                  "The administrator sees both side by side, decides, and takes the decision back"),
        must_show=("IQBAL, Zara", "Twin", "Zoya", "Aldermoor Pathology knows this person by another given name",
                   "may be about somebody else"),
        must_not_show=(),
        others=(zoya.key,),
        views=(
            View("priya.nair", "her twin, Zoya", ("IQBAL, Zoya", "Twin"), ("268",), patient=zoya.key,
                 reason="The twin of a baby in the department"),
            View("owen.tranter", "the review, side by side",
                 ("IQBAL, Zara", "IQBAL, Zoya", "given name differs", "birth order differs", "keep apart"), page="/reviews"),
            View("owen.tranter", "decided by mistake", ("One person: linked", "Undo this decision"), page="/reviews",
                 press=("One person: link them",)),
            View("owen.tranter", "taken back", ("One person or two?", "given name differs"), ("Undo this decision",),
                 page="/reviews", press=("Undo this decision",)),
            View("rachel.heald", "as the health visitor", ("IQBAL, Zara", "Health visitor new birth visit"), ("268",),
                 reason="On my caseload"),
        ),
    )  # fmt: skip
    return scene, cast.told()
