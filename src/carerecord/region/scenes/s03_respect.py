"""Scene 3: two plans for one person, of which the newer is valid; and the hospice that holds it may be silent."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, TESTS
from carerecord.region.people.signs import pressure
from carerecord.region.scenes.cast import NAIR, Cast, Told, practice_team, winters
from carerecord.region.shapes import Fault, Scene, View

RESPECT = "ReSPECT: recommended summary plan for emergency care and treatment"


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 30)
    gwen = cast.person("gwendolyn-achebe", "318420", "Mrs", "Gwendolyn", "Achebe", "female", cast.born(86, 3, 11),
                       ("Rowan Court Care Home", "Aldermoor", "ZZ2 5RC"), ELM_BANK, preferred="Gwen",
                       ethnicity="Black or Black British: Caribbean")  # fmt: skip
    merrow = By("Dr I Merrow", "consultant in palliative medicine", "01632 960 654")
    hospice = cast.chart(gwen, "st-oswins", merrow)
    bones = hospice.problem(PROBLEMS["bone-metastases"], cast.days(420), note="From breast cancer.")
    hospice.problem(PROBLEMS["breast-cancer"], cast.years(6, 2, 14))
    hospice.plan(
        RESPECT, cast.at(70, 11, 15), kind="ReSPECT",
        text="Not for cardiopulmonary resuscitation. Priority: comfort. Stay at home (Rowan Court); hospital only for a "
        "fracture or pain that cannot be controlled there.",
        lines=("Not for CPR: attempts are not recommended", "Comfort before length of life",
               "Stay at home: Rowan Court", "Just-in-case medicines are in the home's safe",
               "Discussed with Mrs Achebe and her son Daniel; she had capacity"),
    )
    hospice.prescribe(DRUGS["morphine-mr"], "10 mg every 12 hours", cast.at(70, 11, 40), dose=(10, "mg"),
                      times=(2, 1, "d"), reason=bones, issued=cast.days(12))
    hospice.prescribe(DRUGS["morphine"], "2.5 mg when required for pain, up to hourly", cast.at(70, 11, 45),
                      dose=(2.5, "mg"), reason=bones, as_needed=True, issued=cast.days(12))
    hospice.encounter("Hospice home visit", cast.at(70, 11), kind="HH", reason="ReSPECT conversation")
    hospice.encounter("Hospice nurse visit", cast.at(9, 15), kind="HH", reason="Pain controlled, eating little",
                      by=By("L Quarmby", "hospice nurse"))
    hospice.letter("Hospice letter", "ReSPECT form completed with Mrs Achebe and her son. Not for CPR; comfort; wishes to "
                   "stay at Rowan Court. Copy left in the home.", cast.at(70, 16))
    hospice.team("Hospice at home", (merrow, By("L Quarmby", "hospice nurse", "01632 960 655")), cast.days(420))

    trust = cast.chart(gwen, "aldermoor-epr", By("Dr C Whitfield-Jones", "consultant in elderly medicine"))
    old = cast.years(4, 10, 3)
    trust.plan("Do not attempt cardiopulmonary resuscitation (DNACPR)", old, kind="DNACPR",
               text="Do not attempt cardiopulmonary resuscitation. For full treatment otherwise, including admission.")
    trust.problem(PROBLEMS["breast-cancer"], cast.years(6, 2, 14))
    trust.encounter("In-patient stay", cast.years(4, 9, 29), kind="IMP", end=cast.years(4, 10, 9), reason="Pneumonia")
    trust.letter("Oncology letter", "Bone metastases. No further chemotherapy wished. Referred to St Oswin's Hospice.",
                 cast.days(415), by=By("Dr K Oduya", "consultant oncologist"))

    gp = cast.chart(gwen, "elm-bank")
    gp.allergy(ALLERGIES["none"], cast.days(500))
    gp.problem(PROBLEMS["breast-cancer"], cast.years(6, 2, 14))
    pain = gp.problem(PROBLEMS["bone-metastases"], cast.days(412))
    gp.prescribe(DRUGS["letrozole"], "2.5 mg once a day", cast.years(6, 4, 2), dose=(2.5, "mg"), times=(1, 1, "d"),
                 reason=pain, issued=cast.days(14))
    gp.encounter("Care home round", cast.at(6, 11), kind="HH", reason="Comfortable, sleeping more")
    pressure(gp, cast.at(6, 11, 5), 108, 62)
    winters(gp, cast, 4)
    gp.social("Housing", "Rowan Court Care Home", cast.days(820))
    practice_team(gp, cast.days(820))
    gp.relative(("Daniel", "Achebe"), ("SONC", "son"), "01632 960 862", when=cast.days(820), roles=("next of kin",))

    home = cast.chart(gwen, "rowan-court")
    home.social("Mobility", "Hoist for all transfers; in bed most of the day", cast.days(30))
    pressure(home, cast.at(2, 9), 104, 58)
    home.letter("Hospital passport", "Likes the window open, gospel music, and to be called Gwen. Hard of hearing: face her.",
                cast.days(120), kind="Hospital passport")
    home.team("Rowan Court", (By("G Okello", "nurse in charge", "01632 960 774"),), cast.days(820))

    lab = cast.chart(gwen, "aldermoor-pathology", None, "upper-case", "no-address")
    for ago, calcium in ((75, 104), (240, 110), (415, 116)):
        lab.result(TESTS["haemoglobin"], calcium, cast.at(ago, 9))
    crew = cast.chart(gwen, "north-fells-ambulance")
    crew.encounter("Ambulance attendance, not conveyed", cast.at(160, 21, 14), kind="EMER", reason="Fall from bed")
    door = cast.chart(gwen, "aldermoor-emergency", NAIR)
    door.encounter("A&E attendance", cast.minutes(26), kind="EMER", state="in-progress", reason="Drowsy, not drinking")
    pressure(door, cast.minutes(20), 92, 54)
    scene = Scene(
        number=3,
        title="Two plans, one valid",
        story="Gwendolyn Achebe, 86, lives in a care home with metastatic breast cancer. The hospice wrote a ReSPECT form "
        "10 weeks ago; Aldermoor holds a DNACPR form that is 4 years old; the ambulance service holds none.",
        user="priya.nair", patient=gwen.key, nhs_number=gwen.nhs_number,
        reason="Attending the emergency department now",
        look_for=("The hospice's ReSPECT form comes first, with its date", "The old form is marked superseded",
                  "With the hospice stopped, the page says unavailable, never that there is none"),
        must_show=("ReSPECT", "Not for cardiopulmonary resuscitation", "comfort", "St Oswin's Hospice", "uperseded"),
        must_not_show=(),
        views=(View("priya.nair", "with the hospice stopped", ("navailable", "St Oswin's Hospice"),
                    ("ReSPECT None recorded", "ReSPECT Not recorded"),
                    (Fault("st-oswins", "unavailable", hospice.patient_id),)),
               View("rhona.blake", "as the paramedic", ("ReSPECT", "Not for cardiopulmonary resuscitation", "comfort"),
                    reason="On the way to Rowan Court", purpose="emergency"),
               View("grace.okello", "as the care-home nurse", ("ReSPECT", "Not for cardiopulmonary resuscitation"),
                    reason="A resident of Rowan Court"),
               View("grace.ellershaw", "as the social worker", ("ReSPECT", "Hospice nurse visit"),
                    ("etrozole", "orphine", "Oncology letter"), reason="Care package to be reviewed")),
    )  # fmt: skip
    return scene, cast.told()
