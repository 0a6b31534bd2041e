"""Which medicines are ordered, dispensed and given (OMP, RDE, RDS, RAS), and which vaccines (VXU)?"""

import re
from typing import Any, Final

from msgspec import Struct, field

from carerecord.ingest.hl7v2 import obx as observations
from carerecord.ingest.hl7v2 import values
from carerecord.ingest.hl7v2.adt import Done, groups, in_passing
from carerecord.ingest.hl7v2.around import key_of, said_of
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.people import Subject
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, said_of_one
from carerecord.ingest.hl7v2.shapes import Statement, Unreadable
from carerecord.ingest.hl7v2.systems import local
from carerecord.ingest.hl7v2.timings import AS_NEEDED, PRIORITIES, Timing, in_words, timings
from carerecord.ingest.hl7v2.visits import Visit

_STARTS: Final = frozenset(("RXO", "RXE", "RXD", "RXA", "RXG"))
STATUS: Final = {"CA": "cancelled", "OC": "cancelled", "CR": "cancelled", "DC": "stopped", "OD": "stopped", "DR": "stopped",
                  "HD": "on-hold",
                  "OH": "on-hold", "HR": "on-hold", "DE": "entered-in-error", "UA": "cancelled", "RP": "stopped",
                  "RU": "stopped"}  # fmt: skip
_STATES: Final = {
    "CA": "cancelled",
    "CM": "completed",
    "DC": "stopped",
    "HD": "on-hold",
    "ER": "entered-in-error",
    "RP": "stopped",
}
_GIVEN: Final = {"CP": "completed", "PA": "completed", "RE": "not-done", "NA": "not-done", "": "completed"}
# What many a drug chart writes there instead, in words. They stand beside the status as they came.
_GIVEN_IN_WORDS: Final = {
    "GIVEN": "completed", "ADMINISTERED": "completed", "TAKEN": "completed", "COMPLETE": "completed", "COMPLETED": "completed",
    "NOT GIVEN": "not-done", "NOT ADMINISTERED": "not-done", "NOT TAKEN": "not-done", "REFUSED": "not-done",
    "DECLINED": "not-done", "HELD": "not-done", "WITHHELD": "not-done", "OMITTED": "not-done", "MISSED": "not-done",
}  # fmt: skip
# What an OBX says of a vaccination, by LOINC; who pays for it and the like stay with the message.
_CONTRAINDICATED: Final = "30945-0"
_INDICATED: Final = "59785-6"
_OF_VACCINE: Final = {
    _CONTRAINDICATED: "Contraindication or precaution", _INDICATED: "Given because of",
    "31044-1": "Reaction", "59784-9": "Presumed immune to",
}  # fmt: skip
_PARTS: Final = {"B": "Base", "A": "Additive"}
DELETED: Final = "deleted by its sender"
NO_MEDICINE: Final = (
    "it brings no medicine that can be filed: one that is ordered has a number (ORC-2, ORC-3) by which it can be stopped, "
    "one that was given says which it was and when (RXA-5, RXA-3)"
)


class Order(Struct):
    """An ORC with what follows it."""

    orc: Segment | None = None
    rest: list[Segment] = field(default_factory=list)

    def first(self, *names: str) -> Segment | None:
        return next((each for each in self.rest if each.name in names), None)


def medicated(reading: Reading, event: str) -> Done:
    """OMP, RDE, RDS, RAS: what each ORC brings, by the segments that are there."""
    return _each(reading, vaccines=False)


def vaccinated(reading: Reading, event: str) -> Done:
    return _each(reading, vaccines=True)


def _each(reading: Reading, *, vaccines: bool) -> Done:
    subjects: list[Subject] = []
    said: list[Statement] = []
    found = 0
    for segments in groups(reading):
        person, visit, passing = in_passing(reading, segments)
        subjects.append(person)
        said += passing
        said += said_of(reading, person, visit, tuple(each for each in segments if each.name in ("AL1", "IAM")))
        for order in _orders(segments):
            made = _vaccine(reading, person, visit, order) if vaccines else _medicine(reading, person, visit, order)
            found += len(made)
            for thing, facts in made:
                said.append(said_of_one(thing, person.patient, person.local_id, facts, (person.thread, *visit.things)))
    if not found and not vaccines:
        raise Unreadable(NO_MEDICINE)
    return subjects, said, []


def _orders(segments: tuple[Segment, ...]) -> list[Order]:
    """What is said of the person before the first of them lies with it."""
    found: list[Order] = []
    ahead: list[Segment] = []
    for segment in segments:
        if segment.name == "ORC":
            found.append(Order(segment, [] if found else ahead))
        elif segment.name == "NTE" and not found:
            ahead.append(segment)
        elif segment.name in _STARTS and (not found or (segment.name == "RXA" and found[-1].first("RXA") is not None)):
            found.append(Order(None, [segment]))
        elif found:
            found[-1].rest.append(segment)
    return found


_Made = list[tuple[str, dict[str, Any]]]


def _medicine(reading: Reading, person: Subject, visit: Visit, order: Order) -> _Made:
    made: _Made = []
    numbers = _numbers(reading, order)
    ordered = order.first("RXE") or order.first("RXO")
    request = f"MedicationRequest/{stable_id(reading.sender, 'MedicationRequest', *_of(numbers[0]))}" if numbers else ""
    ordered_as = {"reference": request, "identifier": numbers[0]} if numbers else {}  # the order itself may never have come
    if ordered is not None or (order.orc is not None and not order.first("RXD", "RXA")):
        facts = _request(reading, order, ordered, visit, numbers)
        if not request:
            reading.note("a medicine without an order number (ORC-2, ORC-3) is not carried")
        elif facts is not None:
            made.append((request, facts))
    if (rxd := order.first("RXD")) is not None and (facts := _dispense(reading, rxd, order, visit, ordered_as)) is not None:
        key = _of(numbers[0]) if numbers else (person.local_id,)
        sub_id = rxd.text(7) or reading.time(rxd, 3)
        made.append((f"MedicationDispense/{stable_id(reading.sender, 'MedicationDispense', *key, rxd.text(1), sub_id)}", facts))
    if (rxa := order.first("RXA")) is not None and (facts := _administration(reading, rxa, order, visit, ordered_as)) is not None:
        key = _of(numbers[0]) if numbers else (person.local_id, key_of(facts["medicationCodeableConcept"]))
        at = reading.time(rxa, 3)
        made.append(
            (f"MedicationAdministration/{stable_id(reading.sender, 'MedicationAdministration', *key, rxa.text(2), at)}", facts)
        )
    return made


def _numbers(reading: Reading, order: Order) -> list[Resource]:
    if order.orc is None:
        return []
    found = [values.entity(reading, order.orc, number, values.ORDER_NUMBERS[number]) for number in (2, 3)]
    return [each for each in found if each]


def _of(number: Resource) -> tuple[str, str]:
    return number["system"], number["value"]


def _request(
    reading: Reading, order: Order, ordered: Segment | None, visit: Visit, numbers: list[Resource]
) -> dict[str, Any] | None:
    facts: dict[str, Any] = {"intent": "order"}
    facts |= {f"+identifier/{each['system']}|{each['value']}": each for each in numbers}
    _order_control(reading, order.orc, facts)
    if ordered is None:  # a cancellation that names the order alone
        facts["?medicationCodeableConcept"] = {"text": "Medicine not named"}
        return facts
    encoded = ordered.name == "RXE"
    medicine = values.concept(reading, ordered.part(2 if encoded else 1))
    if not medicine:
        reading.note(f"{ordered.name} does not say which medicine")
        return None
    facts["medicationCodeableConcept"] = medicine
    told = [each for each in order.rest if each.name == "TQ1"]
    dosed = bool(ordered.text(3 if encoded else 2))
    ways = timings(reading, order.orc, told, ordered if encoded else None, dosed=dosed)
    if dosage := _dosage(reading, order, ordered, ways, encoded=encoded):
        facts["dosageInstruction"] = [dosage]
    if priority := next((PRIORITIES[each.priority] for each in ways if each.priority in PRIORITIES), ""):
        facts["priority"] = priority
    if parts := _made_of(reading, order):
        facts["+note/parts"] = {"text": parts}
    if visit.number:
        facts["encounter"] = visit.reference
    amount, unit, refills = (10, 11, 12) if encoded else (11, 12, 13)
    if quantity := values.quantity(ordered.text(amount), values.unit(reading, ordered.part(unit))[0]):
        facts["dispenseRequest:quantity"] = quantity
    if (said := ordered.text(refills)).isascii() and said.isdigit() and len(said) < 4:
        facts["dispenseRequest:numberOfRepeatsAllowed"] = int(said)
    indication = values.concept(reading, ordered.part(27 if encoded else 20))
    if indication:
        facts["reasonCode"] = [indication]
    if encoded and "requester" not in facts and (who := values.clinician(reading, ordered.part(13))):
        facts["requester"] = who
    if notes := [text for each in order.rest if each.name == "NTE" and (text := values.text_of(each, 3))]:
        facts["+note/nte"] = {"text": "\n".join(notes)}
    return facts


def _order_control(reading: Reading, orc: Segment | None, facts: dict[str, Any]) -> None:
    facts["status"] = "active"
    if orc is None:
        return
    control, state = orc.text(1).upper(), orc.text(5).upper()
    facts["status"] = STATUS.get(control) or _STATES.get(state) or "active"
    if facts["status"] == "entered-in-error":
        facts[WITHDRAWN] = DELETED
    if who := values.clinician(reading, orc.part(12)):
        facts["requester"] = who
    if at := reading.time(orc, 9):
        facts["authoredOn"] = at
    if why := values.concept(reading, orc.part(16)):
        facts["statusReason"] = why


def _dosage(reading: Reading, order: Order, ordered: Segment, ways: tuple[Timing, ...], *, encoded: bool) -> Resource:
    """The sender's own words where there are some; amount, time and route beside them as they were coded."""
    low, high, unit, words, per, rate = (3, 4, 5, 7, 22, 23) if encoded else (2, 3, 4, 7, 17, 21)
    out: Resource = {}
    instruction = [text for each in ordered.parts(words) if (text := each[2] or each[1])]
    if encoded:
        instruction += [text for each in ordered.parts(21) if (text := each[2] or each[1])]
    instruction += [each.words for each in ways if each.words]
    if len(ways) > 1:  # one after the other, or beside each other: which, their sender says in none of these fields
        instruction += [each.line for each in ways if each.line]
    if time_unit := ordered.text(per):
        instruction.append(f"per {in_words(time_unit)}")
    dose_unit = values.unit(reading, ordered.part(unit))
    least, most = values.quantity(ordered.text(low), *dose_unit), values.quantity(ordered.text(high), *dose_unit)
    amount: Resource = {}
    if least and most and least != most:
        amount["doseRange"] = {"low": least, "high": most}
    elif least:
        amount["doseQuantity"] = least
    if how_fast := values.quantity(ordered.text(rate), *values.unit(reading, ordered.part(rate + 1))):
        amount["rateQuantity"] = how_fast
    if amount:
        out["doseAndRate"] = [amount]
    out |= _route(reading, order, ("route", "site", "method"))
    often = "; ".join(dict.fromkeys([each.often for each in ways if each.often]))
    if timing := _timed(reading, ordered, ways, often):
        out["timing"] = timing
    if any(each.priority == AS_NEEDED for each in ways):
        out["asNeededBoolean"] = True
    # Of a dose that the timing alone tells; a bare number may be how many times.
    is_told_there = len(ways) == 1 and not least and " " in ways[0].amount
    if instruction:
        out["text"] = "\n".join(dict.fromkeys([*([ways[0].line] if is_told_there else []), *instruction]))
    elif ways and (often or not least):
        said = " ".join(filter(None, (str(least["value"]), least.get("unit")))) if least else ways[0].amount
        route = (out.get("route") or {}).get("text") or ""
        if said and (often or is_told_there):
            out["text"] = " ".join(filter(None, (said, route, often)))
    return out


def _timed(reading: Reading, ordered: Segment, ways: tuple[Timing, ...], often: str) -> Resource:
    first = next((each.starts for each in ways if each.starts), "")
    last = next((each.ends for each in reversed(ways) if each.ends), "")
    starts, ends = reading.in_order(first, last, f"the end of {ordered.name} is before its start")
    out: Resource = {}
    if bounds := {key: said for key, said in (("start", starts), ("end", ends)) if said}:
        out["repeat"] = {"boundsPeriod": bounds}
    if often:
        out["code"] = {"text": often}
    return out


def _route(reading: Reading, order: Order, elements: tuple[str, ...]) -> Resource:
    route, places = order.first("RXR"), {"route": 1, "site": 2, "method": 4}
    if route is None:
        return {}
    return {each: made for each in elements if (made := values.concept(reading, route.part(places[each])))}


def _made_of(reading: Reading, order: Order) -> str:
    """What is mixed in it (RXC), a line each: a drip is its additives before it is its bag."""
    lines = []
    for rxc in (each for each in order.rest if each.name == "RXC"):
        kind, what = rxc.text(1).upper(), values.concept(reading, rxc.part(2))
        name = what.get("text") or (what["coding"][0]["code"] if "coding" in what else "")
        amount = " ".join(filter(None, (rxc.text(3), values.unit(reading, rxc.part(4))[0])))
        strength = " ".join(filter(None, (rxc.text(5), values.unit(reading, rxc.part(6))[0])))
        if said := ", ".join(filter(None, (name, amount, strength and f"strength {strength}"))):
            lines.append(f"{_PARTS.get(kind, 'Contains')}: {said}")
    return "\n".join(lines)


def _dispense(reading: Reading, rxd: Segment, order: Order, visit: Visit, request: Resource) -> dict[str, Any] | None:
    medicine = values.concept(reading, rxd.part(2))
    if not medicine:
        reading.note("RXD does not say which medicine")
        return None
    facts: dict[str, Any] = {"status": "completed", "medicationCodeableConcept": medicine}
    _order_control_of_supply(order.orc, facts)
    if at := reading.time(rxd, 3):
        facts["whenHandedOver"] = at
    if quantity := values.quantity(rxd.text(4), values.unit(reading, rxd.part(5))[0]):
        facts["quantity"] = quantity
    if who := values.clinicians(reading, rxd, 10):
        facts["performer"] = [{"actor": each} for each in who]
    notes = [text for number in (9, 15) for each in rxd.parts(number) if (text := each[2] or each[1])]
    if notes:
        facts["+note/rxd"] = {"text": "\n".join(notes)}
    if given := _route(reading, order, ("route", "site")):
        facts["dosageInstruction"] = [given]
    if number := rxd.text(7):
        facts["+identifier/prescription"] = {"system": local("prescription", reading.sender, ""), "value": number}
    if request:
        facts["authorizingPrescription"] = [request]
    if visit.number:
        facts["context"] = visit.reference
    return facts


def _order_control_of_supply(orc: Segment | None, facts: dict[str, Any]) -> None:
    control = orc.text(1).upper() if orc is not None else ""
    if STATUS.get(control) in ("cancelled", "stopped"):
        facts["status"] = STATUS[control]
    elif STATUS.get(control) == "entered-in-error":
        facts[WITHDRAWN] = DELETED


def _administration(reading: Reading, rxa: Segment, order: Order, visit: Visit, request: Resource) -> dict[str, Any] | None:
    medicine = values.concept(reading, rxa.part(5))
    started, ended = reading.in_order(reading.time(rxa, 3), reading.time(rxa, 4), "RXA-4 is before RXA-3")
    if not medicine or not started:
        reading.note("RXA does not say which medicine, or when it was given")
        return None
    facts: dict[str, Any] = {"status": _how_given(reading, rxa) or "unknown", "medicationCodeableConcept": medicine}
    facts |= _said_of_it(rxa)
    if ended and ended != started:
        facts |= {"effectivePeriod": {"start": started, "end": ended}, "effectiveDateTime": None}
    else:
        facts |= {"effectiveDateTime": started, "effectivePeriod": None}
    if refused := values.concept(reading, rxa.part(18)):
        facts["statusReason"] = [refused]
    if why := values.concept(reading, rxa.part(19)):
        facts["reasonCode"] = [why]
    dosage: Resource = {}
    if dose := values.quantity(rxa.text(6), *values.unit(reading, rxa.part(7))):
        dosage["dose"] = dose
    dosage |= _route(reading, order, ("route", "site"))
    if dosage:
        facts["dosage"] = dosage
    if who := values.clinicians(reading, rxa, 10):
        facts["performer"] = [{"actor": each} for each in who]
    notes = [text for each in rxa.parts(9) if (text := each[2] or each[1])]
    if notes:
        facts["+note/rxa"] = {"text": "\n".join(notes)}
    if rxa.text(21).upper() == "D":
        facts[WITHDRAWN] = DELETED
    if request:
        facts["request"] = request
    if visit.number:
        facts["context"] = visit.reference
    return facts


def _how_given(reading: Reading, rxa: Segment) -> str:
    """A reason to refuse it (RXA-18) with no status says that it was not given. "" where what is said is not known here."""
    said, refused = " ".join(re.split(r"[\s_-]+", rxa.text(20).upper())), rxa.part(18)
    if not said and refused is not None and not refused.empty:
        return "not-done"
    status = _GIVEN.get(said) or _GIVEN_IN_WORDS.get(said, "")
    if not status:
        reading.note("RXA-20 is no status that is known here")
    return status


def _said_of_it(rxa: Segment) -> dict[str, Any]:
    """The sender's own word for how it went, where it is none of the table's letters: "Held" says more than "not given"."""
    said = rxa.text(20)
    return {} if said.upper() in _GIVEN else {"+note/given": {"text": said}}


def _vaccine(reading: Reading, person: Subject, visit: Visit, order: Order) -> _Made:
    rxa = order.first("RXA")
    if rxa is None:
        return []
    vaccine, given = values.concept(reading, rxa.part(5)), reading.time(rxa, 3)
    if not vaccine or not given:
        reading.note("RXA does not say which vaccine, or when it was given")
        return []
    if not (status := _how_given(reading, rxa)):
        reading.note("a vaccine is not carried: it cannot be told whether it was given")  # FHIR has no word for that
        return []
    facts: dict[str, Any] = {"status": status, "vaccineCode": vaccine, "occurrenceDateTime": given, **_said_of_it(rxa)}
    if rxa.text(20).upper() == "PA":
        facts["isSubpotent"] = True
    if reason := values.concept(reading, rxa.part(18)):
        facts["statusReason"] = reason
    amount = rxa.text(6)
    if amount != "999" and (dose := values.quantity(amount, *values.unit(reading, rxa.part(7)))):  # 999: how much is not known
        facts["doseQuantity"] = dose
    for element, number in (("lotNumber", 15),):
        if text := rxa.text(number):
            facts[element] = text
    if expires := reading.date(rxa, 16):
        facts["expirationDate"] = expires
    maker = rxa.part(17)
    if maker is not None and not maker.empty:
        facts["manufacturer"] = {"type": "Organization", "display": maker[2] or maker[1]}
    if who := values.clinicians(reading, rxa, 10):
        facts["performer"] = [{"actor": each} for each in who]
    if where := values.place(reading, rxa.part(11)):
        facts["location"] = {"type": "Location", "display": where}
    noted = rxa.part(9)
    if noted is not None and not noted.empty:
        if noted.peek(1).isdigit():  # NIP001: 00 is a new one, all others are told from elsewhere
            facts["primarySource"] = noted[1] == "00"
        if text := noted[2]:
            facts["+note/source"] = {"text": text}
    facts |= _route(reading, order, ("route", "site"))
    _told_of_vaccine(reading, order, facts)
    if visit.number:
        facts["encounter"] = visit.reference
    if rxa.text(21).upper() == "D":
        facts[WITHDRAWN] = DELETED
    numbers = _numbers(reading, order)
    facts |= {f"+identifier/{each['system']}|{each['value']}": each for each in numbers}
    key = _of(numbers[-1]) if numbers else (person.local_id, key_of(vaccine), given[:10])
    return [(f"Immunization/{stable_id(reading.sender, 'Immunization', *key)}", facts)]


def _told_of_vaccine(reading: Reading, order: Order, facts: dict[str, Any]) -> None:
    """What its OBX say against it, for it, or of what it did: in words, and as the reason where it is coded as one."""
    lines: list[str] = []
    taken_back = False
    for obx in (each for each in order.rest if each.name == "OBX"):
        named = obx.part(3)
        label = _OF_VACCINE.get(named[1], "") if named is not None and named.peek(1) in _OF_VACCINE else ""
        if named is None or not label:
            continue
        if obx.text(11).upper() in observations.WITHDRAWS or obx.deletes(5):
            taken_back = True
            continue
        _ = named.whole
        is_coded = obx.text(2).upper() in observations.CODED
        for part in obx.parts(5):
            made = values.concept(reading, part) if is_coded else {"text": part.whole} if part.whole else {}
            if said := observations.words_of(made):
                lines.append(f"{label}: {said}")
            if is_coded and made and named[1] == _INDICATED:
                facts.setdefault("reasonCode", []).append(made)
            elif is_coded and made and named[1] == _CONTRAINDICATED and facts["status"] == "not-done":
                facts.setdefault("statusReason", made)
    if lines or taken_back:
        facts["+note/told"] = {"text": "\n".join(dict.fromkeys(lines))} if lines else None
