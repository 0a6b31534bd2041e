"""Scene 11: a laboratory corrects a result, and withdraws one that was somebody else's."""

from datetime import datetime, timedelta

from carerecord.region.organisations import QUAYSIDE
from carerecord.region.people.codes import PROBLEMS
from carerecord.region.scenes.cast import NAIR, Cast, Told, practice_team
from carerecord.region.scenes.hl7 import known
from carerecord.region.shapes import Scene, Sent, View

_LAB, _NUMBER = "aldermoor-blood", "AH204466"


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 110)
    margaret = cast.person("margaret-chen", "447166", "Mrs", "Margaret", "Chen", "female", cast.born(66, 7, 8),
                           ("5 Chandler Row", "Aldermoor", "ZZ1 4CR"), QUAYSIDE)  # fmt: skip
    gp = cast.chart(margaret, "quayside")
    gp.problem(PROBLEMS["hypertension"], cast.years(9, 1, 12))
    gp.encounter("GP consultation", cast.at(40, 10), reason="Blood pressure review")
    practice_team(gp, cast.days(2500))
    door = cast.chart(margaret, "aldermoor-emergency", NAIR)
    door.encounter("A&E attendance", cast.minutes(120), kind="EMER", state="in-progress", reason="Weakness, palpitations")

    taken = cast.now.replace(hour=6, minute=2, second=0, microsecond=0) - timedelta(days=0 if cast.now.hour >= 8 else 1)
    first, second = taken + timedelta(minutes=10), taken + timedelta(minutes=63)

    def request(number: str, what: str, state: str, when: datetime) -> str:
        return f"OBR|1||{number}^ALDERMOOR|{what}^LOCAL|||{taken:%Y%m%d%H%M%S}{'|' * 15}{when:%Y%m%d%H%M%S}|||{state}"

    def potassium(value: str, state: str, flag: str, when: datetime, note: str = "") -> Sent:
        segments = (
            known(margaret, _NUMBER),
            "PV1|1|E",
            request("L26-88141", "UE^Urea and electrolytes", state, when),
            f"OBX|1|NM|2823-3^Potassium^LN||{value}|mmol/L|3.5-5.3|{flag}|||{state}|||{taken:%Y%m%d%H%M%S}",
            *((f"NTE|1||{note}",) if note else ()),
        )
        return Sent(_LAB, "ORU^R01^ORU_R01", segments)

    def group(state: str, when: datetime) -> Sent:
        return Sent(_LAB, "ORU^R01^ORU_R01", (
            known(margaret, _NUMBER),
            "PV1|1|E",
            request("L26-88150", "BG^Blood group", state, when),
            f"OBX|1|ST|882-1^ABO and Rh group^LN||A RhD positive||||||{state}|||{taken:%Y%m%d%H%M%S}",
        ))  # fmt: skip

    scene = Scene(
        number=11,
        title="Withdrawn result",
        story="Margaret Chen's potassium was 7.1 at first, and 4.4 in the repeat: the sample was haemolysed. The laboratory also "
              "withdraws a blood group that was another patient's.",
        user="priya.nair", patient=margaret.key, nhs_number=margaret.nhs_number,
        reason="Attending the emergency department now",
        look_for=("First the laboratory sends a potassium of 7.1 and a blood group",
                  "Then it corrects: 4.4 stands there, what was replaced beside it struck through, with its time",
                  "The blood group is gone, and a notice says that its sender withdrew an item"),
        must_show=("7.1 mmol/L", "RhD positive"),
        must_not_show=("4.4",),
        sends=(potassium("7.1", "F", "HH", first), group("F", first)),
        views=(
            View("priya.nair", "after the laboratory corrects it", ("4.4 mmol/L", "7.1 mmol/L", "replaced", "Haemolysed sample",
                 "withdrawn by the sender"), ("RhD positive",),
                 sends=(potassium("4.4", "C", "N", second, "Haemolysed sample: the first result was falsely high. Repeated."),
                        group("W", second))),
            View("sam.idowu", "as a colleague", ("4.4 mmol/L", "withdrawn by the sender"), ("RhD positive",),
                 reason="Attending the emergency department now"),
        ),
    )  # fmt: skip
    return scene, cast.told()
