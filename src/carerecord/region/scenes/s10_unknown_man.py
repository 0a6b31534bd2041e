"""Scene 10: a man whom nobody knows is moved, named, and found not to be who he was said to be."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.codes import DRUGS, PROBLEMS, TESTS
from carerecord.region.scenes.cast import Cast, Told, practice_team
from carerecord.region.scenes.hl7 import at, event, known, merged, unknown, visit
from carerecord.region.shapes import Scene, Sent, View

_PAS = "aldermoor-pas"
_ALIAS, _NUMBER, _HIS_OWN, _VISIT = "MALE 47", "AH900047", "AH310471", "V900047"


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 100)
    peter = cast.person("peter-nowak", "930471", "Mr", "Peter", "Nowak", "male", cast.born(47, 5, 3),
                        ("12 Ropewalk", "Aldermoor", "ZZ1 9RW"), ELM_BANK)  # fmt: skip
    gp = cast.chart(peter, "elm-bank")
    af = gp.problem(PROBLEMS["atrial-fibrillation"], cast.years(4, 2, 20))
    gp.prescribe(DRUGS["warfarin"], "3 mg once a day at 6 pm, dose as the yellow book says", cast.years(4, 3, 1), dose=(3, "mg"),
                 times=(1, 1, "d"), reason=af, issued=cast.days(12))  # fmt: skip
    gp.result(TESTS["inr"], 3.8, cast.at(6, 9, 10), note="Above his range of 2 to 3. Recheck in one week.")
    gp.encounter("Telephone consultation", cast.at(6, 15), kind="VR", reason="INR 3.8: miss one dose")
    practice_team(gp, cast.days(3000))

    stranger = unknown(_NUMBER, _ALIAS)
    arrived = at(-40)
    parted = Sent(_PAS, "ADT^A37^ADT_A37", (event("A37", 0), known(peter, _HIS_OWN), stranger))
    admitted = (
        Sent(_PAS, "ADT^A28^ADT_A05", (event("A28", -400), known(peter, _HIS_OWN))),
        Sent(_PAS, "ADT^A01^ADT_A01", (event("A01", -40), stranger, visit("E", "RESUS^BAY 2", _VISIT, arrived))),
        # Whoever was told before that he is Peter Nowak, in an earlier visit of this scene, is told that he is not.
        parted,
        Sent(_PAS, "ADT^A02^ADT_A02", (event("A02", -10), stranger, visit("I", "WARD 7^BED 4", _VISIT, arrived))),
        # Recorded before the move, and late: it must not bring him back.
        Sent(_PAS, "ADT^A08^ADT_A01", (event("A08", -25), stranger, visit("E", "MAJORS^BAY 5", _VISIT, arrived))),
    )
    named = (Sent(_PAS, "ADT^A40^ADT_A39", (event("A40", 0), known(peter, _HIS_OWN), merged(_NUMBER))),)
    # The discharge was recorded first and cancelled after; they come the other way round.
    home = visit("I", "WARD 7^BED 4", _VISIT, arrived, at(-3))
    back = visit("I", "WARD 7^BED 4", _VISIT, arrived)
    cancelled = (
        Sent(_PAS, "ADT^A13^ADT_A01", (event("A13", -1), stranger, back)),
        Sent(_PAS, "ADT^A03^ADT_A03", (event("A03", -3), stranger, home)),
    )
    scene = Scene(
        number=10,
        title="Unknown man",
        story="A man is brought in without a name: the trust sends him as Unknown Male 47, moves him, and later says that he is "
              "Peter Nowak.",
        user="priya.nair", patient=peter.key, nhs_number=peter.nhs_number, number_there=_NUMBER,
        reason="Attending the emergency department now",
        look_for=("His record holds what Aldermoor sends, and nobody else's: birth date and postcode of a stranger match nobody",
                  "He lies on Ward 7, though a message that was recorded earlier came after the move",
                  "Once the trust says who he is, his GP's warfarin and INR stand there; once it takes that back, they are gone"),
        must_show=("MALE 47", "WARD 7"),
        must_not_show=("Warfarin", "Nowak"),
        sends=admitted,
        views=(
            View("priya.nair", "after the trust says who he is", ("NOWAK, Peter", "Warfarin 3 mg tablets", "3.8", "WARD 7"),
                 number=_NUMBER, sends=named),
            View("priya.nair", "after the trust takes that back", ("MALE 47", "WARD 7"), ("Warfarin", "Nowak"), number=_NUMBER,
                 sends=(parted,)),
            View("priya.nair", "after a discharge that was cancelled", ("MALE 47", "WARD 7"), number=_NUMBER, sends=cancelled),
        ),
    )  # fmt: skip
    return scene, cast.told()
