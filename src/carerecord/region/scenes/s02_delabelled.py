"""Scene 2: an allergy that one source still lists and another has refuted."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, REACTIONS, Term
from carerecord.region.scenes.cast import NAIR, Cast, Told, practice_team
from carerecord.region.shapes import Scene, View


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 20)
    tomasz = cast.person("tomasz-zielinski", "226733", "Mr", "Tomasz", "Zielinski", "male", cast.born(34, 8, 14),
                         ("5 Quarry Bank", "Aldermoor", "ZZ2 3TZ"), ELM_BANK,
                         ethnicity="White: any other White background")  # fmt: skip
    gp = cast.chart(tomasz, "elm-bank")
    gp.allergy(ALLERGIES["penicillin"], cast.years(29, 2, 1), reaction=REACTIONS["rash"], severity="mild",
               criticality="low", note="Rash in childhood.")
    chest = gp.problem(Term("Lower respiratory tract infection", "50417007"), cast.days(3))
    gp.prescribe(DRUGS["paracetamol"], "1 g up to four times a day when required", cast.days(3), dose=(1, "g"),
                 times=(4, 1, "d"), reason=chest, issued=cast.days(3), as_needed=True, repeat=False, setting="community")
    gp.encounter("GP consultation", cast.at(3, 16, 30), reason="Cough and fever")
    practice_team(gp, cast.days(2600))
    tested = cast.at(240, 11, 30)
    clinic = cast.chart(tomasz, "fenwick-epr", By("Dr R Kalinowska", "consultant allergist"))
    clinic.allergy(ALLERGIES["penicillin"], tested, verification="refuted", clinical="inactive",
                   note="Oral challenge with amoxicillin 500 mg: tolerated. Penicillin allergy label removed.")
    clinic.procedure("Oral challenge with amoxicillin", tested, note="No reaction in three hours.")
    clinic.encounter("Allergy clinic", tested, reason="Penicillin allergy assessment")
    clinic.letter("Allergy clinic letter",
                  "Mr Zielinski tolerated a full dose of amoxicillin under observation. He is not allergic to penicillin. "
                  "Please remove the label from his record.\n\nDr R Kalinowska, consultant allergist", cast.at(240, 16))
    door = cast.chart(tomasz, "aldermoor-emergency", NAIR)
    door.encounter("A&E attendance", cast.minutes(35), kind="EMER", state="in-progress", reason="Cough, fever, breathless")
    scene = Scene(
        number=2,
        title="De-labelled",
        story="Tomasz Zielinski, 34. His GP lists penicillin, rash in childhood. Fenwick's allergy clinic refuted it after an "
        "oral challenge 8 months ago.",
        user="priya.nair", patient=tomasz.key, nhs_number=tomasz.nhs_number, reason="Attending the emergency department now",
        look_for=("Known allergies, with both entries as a conflict: one says active, one says refuted",
                  "Nobody's entry is hidden, and none is chosen for you",
                  "The clinic's letter is one click away"),
        must_show=("Known allergies", "enicillin", "onflict", "Active", "efuted", "Rash in childhood",
                   "Penicillin allergy label removed", "Allergy clinic letter", "He is not allergic to penicillin",
                   "Elm Bank Surgery", "Fenwick General Hospital"),
        must_not_show=("No known allergies",),
        views=(View("farah.qureshi", "as the hospital pharmacist", ("onflict", "efuted", "Rash in childhood"),
                    reason="Medicines reconciliation in the emergency department"),
               View("leah.marsden", "as the receptionist", ("ZIELINSKI",), ("enicillin", "efuted"))),
    )  # fmt: skip
    return scene, cast.told()
