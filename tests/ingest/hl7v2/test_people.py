"""Is a person known by the numbers that a message really gives, and by no others?"""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest
from tests.ingest.hl7v2.world import NHS, SENDER, all_is_well, filed, message, on_a_page, one, stand, the

from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.person import person
from carerecord.ingest.hl7v2 import Unreadable, enrolled, stable_id
from carerecord.ingest.hl7v2.stands.patient import DEATH_TAKEN_BACK
from carerecord.ingest.people import demographics


def told(
    pid_3: str, rest: str = "||Marlow^Edith", *, more: tuple[str, ...] = (), at: str = "20261122120000", trigger: str = "ADT^A28"
) -> bytes:
    return message(trigger, *more, pid=f"PID|1||{pid_3}{rest}", at=at)


def number_in(pid_3: str) -> str:
    return person(the([told(pid_3)], "Patient")).nhs_number


@pytest.mark.parametrize(
    "form",
    [
        f"{NHS}^^^NHS", f"{NHS}^^^NHS^NH", f"{NHS}^^^^NH", f"{NHS}^^^NHS^HN", f"{NHS}^^^NHSNBR^NHSNMBR", f"{NHS}^^^NH^NHS",
        "999 000 0018^^^NHS^NH", f"{NHS}^^^NHS&2.16.840.1.113883.2.1.4.1&ISO", f"{NHS}^^^&2.16.840.1.113883.2.1.4.1&ISO^NH",
    ],
)  # fmt: skip
def test_every_way_of_writing_an_nhs_number_is_one(form):
    assert number_in(f"M7^^^RX1^MR~{form}") == NHS


@pytest.mark.parametrize(
    "form",
    [
        f"{NHS}^^^^HN",
        f"{NHS}",
        f"{NHS}^^^RX1^MR",
        f"{NHS}^^^DVLA^DL",
        "9990000019^^^NHS^NH",
        "1111111111^^^NHS^NH",
        "0000000000^^^NHS^NH",
    ],
)
def test_ten_digits_alone_a_wrong_check_digit_or_one_digit_ten_times_is_no_nhs_number_to_match_by(form):
    assert number_in(f"M7^^^RX1^MR~{form}") == ""
    assert filed(told(f"M7^^^RX1^MR~{form}")).people[0].local_id == "M7"
    all_is_well(stand([told(f"M7^^^RX1^MR~{form}")]))


@pytest.mark.parametrize(("sent", "status"), [("NSTS01", "01"), ("01", "01"), ("NSTS05", "05"), ("", "02"), ("XX", "02")])
def test_a_number_counts_as_verified_only_where_its_sender_says_so(sent, status):
    pid = f"||Marlow^Edith{'|' * 27}{sent}"

    assert person(the([told(f"M7^^^RX1^MR~{NHS}^^^NHS^NH", pid)], "Patient")).nhs_number_status == status


def test_a_message_that_says_nothing_of_verification_takes_none_away():
    verified = told(f"M7^^^RX1^MR~{NHS}^^^NHS^NH", f"||Marlow^Edith{'|' * 27}NSTS01")
    silent = told(f"M7^^^RX1^MR~{NHS}^^^NHS^NH", at="20261122130000", trigger="ADT^A31")

    assert person(the([verified, silent], "Patient")).nhs_number_status == "01"


def test_two_numbers_that_differ_are_a_conflict_that_is_said():
    raw = told(f"M7^^^RX1^MR~{NHS}^^^NHS^NH~9990000026^^^NHS^NH")

    assert any("two NHS numbers" in each for each in filed(raw).notes)
    assert {each.status for each in person(the([raw], "Patient")).identifiers if each.system == NHS_NUMBER} == {"05"}


def test_the_same_number_of_two_hospitals_is_two_people():
    ours, theirs = filed(told("633^^^RX1^MR")), filed(told("633^^^R0A^MR"))

    assert ours.people[0].identifiers[0].system == "urn:fenwick:mrn"
    assert theirs.people[0].identifiers[0].system == "urn:carerecord:number:R0A"
    assert ours.people[0].local_id != theirs.people[0].local_id
    assert ours.statements[0].thread != theirs.statements[0].thread


def test_a_number_of_a_visit_or_a_passport_is_nobodys_name():
    assert filed(told("P1^^^UK^PPN~V9^^^RX1^VN~M7^^^RX1^MR")).people[0].local_id == "M7"


def test_which_authority_means_which_register_is_the_senders_own_data():
    sender = msgspec.structs.replace(SENDER, authorities=(("SIMULATOR MRN", "urn:sim:mrn"), ("EMPI", NHS_NUMBER)))
    found = person(the([told(f"7^^^SIMULATOR MRN^MRN~{NHS}^^^EMPI")], "Patient", sender))

    assert found.nhs_number == NHS
    assert ("urn:sim:mrn", "7") in [(each.system, each.value) for each in found.identifiers]


def test_a_person_without_any_number_is_not_guessed():
    for pid_3 in ("", "^^^RX1^MR", "V9^^^RX1^VN"):
        with pytest.raises(Unreadable, match="no number"):
            filed(told(pid_3))
    with pytest.raises(Unreadable, match="no PID"):
        filed(message("ADT^A28", pid=""))
    with pytest.raises(Unreadable, match="but for an NHS number that is nobody's"):
        filed(told("4444444444^^^NHS^NH"))


def test_all_that_a_pid_says_of_somebody_is_shown():
    pid = (
        "||Marlow^Edith^Rose^^Mrs^^L~Hill^^^^^^M~Edie^^^^^^N|Hill|19480714|F||A^White - British"
        "|1 Elm Road^^Hull^East Yorkshire^HU1 2AA^GBR^H|HU|01482 100100^PRN^PH~07700 900123^PRN^CP"
        "~^NET^Internet^edith@example.org|01482 200200^WPN|en^English|W|C^Church of England|||||||N||||||||||NSTS01"
    )
    more = (
        "PD1|||Elm Bank Surgery^^A81001|G1234567^Nair^Priya^^^Dr^^^GMP",
        "NK1|1|Marlow^Tom^^^Mr|SON^Son|2 Elm Road^^Hull|07700 900456",
    )
    puts = stand([told(f"M7^^^RX1^MR~{NHS}^^^NHS^NH", pid, more=more)])
    all_is_well(puts)
    found = person(one(puts, "Patient"))

    assert (found.names[0].family, found.names[0].given, found.names[0].prefix) == ("Marlow", ("Edith", "Rose"), "Mrs")
    assert {name.use for name in found.names} == {"official", "maiden"}
    assert found.preferred or "nickname" in {name["use"] for name in one(puts, "Patient")["name"]}
    assert (found.birth_date, found.gender, found.postcode) == ("1948-07-14", "female", "HU1 2AA")
    assert {phone.number for phone in found.phones} >= {"01482 100100", "07700 900123", "01482 200200"}
    assert found.emails == ("edith@example.org",)
    assert (found.practice.ods, found.practice.name) == ("A81001", "Elm Bank Surgery")
    assert found.languages == ("English",)
    assert (found.contacts[0].name, found.contacts[0].role) == ("Mr Tom Marlow", "Son")
    assert found.ethnicity


@pytest.mark.parametrize(
    ("sent", "gender"),
    [("M", "male"), ("F", "female"), ("1", "male"), ("2", "female"), ("9", "other"), ("X", "unknown"), ("U", "unknown")],
)
def test_sex_is_read_in_either_of_its_codes(sent, gender):
    assert the([told("M7^^^RX1^MR", f"||Marlow^Edith|||{sent}")], "Patient")["gender"] == gender


def dead(at: str, when: str = "", indicator: str = "") -> bytes:
    return told("M7^^^RX1^MR", f"||Marlow^Edith{'|' * 24}{when}|{indicator}", at=at, trigger="ADT^A31")


def test_a_death_is_said_and_one_taken_back_is_never_a_silent_one():
    alive, died, cleared = (
        dead("20261101120000", "", "N"),
        dead("20261102120000", "20261102", "Y"),
        dead("20261103120000", '""', "N"),
    )

    assert the([alive, died], "Patient")["deceasedDateTime"] == "2026-11-02"
    assert "extension" not in the([alive, died], "Patient"), "alive before is no contradiction"
    for order in ([alive, died, cleared], [cleared, died, alive]):
        now = the(order, "Patient")
        assert (person(now).deceased, demographics(person(now)).death_doubted) == ("", "taken back")
        assert [each["url"] for each in now["extension"]] == [DEATH_TAKEN_BACK]
        assert on_a_page(now).note == "A death was recorded, and later taken back"


def test_an_empty_field_brings_nobody_back_to_life():
    assert the([dead("20261102120000", "20261102", "Y"), dead("20261103120000")], "Patient")["deceasedDateTime"] == "2026-11-02"


def test_the_index_is_told_how_a_person_stands_and_not_what_the_last_message_left_out():
    said = told(f"M7^^^RX1^MR~{NHS}^^^NHS^NH", "||Marlow^Edith||19480714|F")
    merge = message("ADT^A40", "MRG|M7^^^RX1^MR", pid="PID|1||M9^^^RX1^MR||Marlow^Edith", at="20261122130000")
    entries = [enrolled(put, "fenwick") for put in stand([said, merge]).values()]

    (retired,) = [each for each in entries if each is not None and each.local_id == "M7"]
    assert (retired.demographics.nhs_number, retired.demographics.birth_date) == (NHS, "1948-07-14")


@pytest.mark.parametrize("type_", ["HospitalNumber", "HOSP", "MR", "mrn"])
def test_a_hospitals_own_number_is_no_nhs_number_though_the_nhs_is_named_as_who_gave_it(type_: str):
    lookalike = "9990000026"  # ten digits that agree, and somebody else's number

    (someone,) = filed(told(f"{lookalike}^^^NHS^{type_}~{NHS}^^^NHS^NhsNumber")).people

    assert someone.demographics.nhs_number == NHS
    assert [each.value for each in someone.identifiers if each.system == NHS_NUMBER] == [NHS]
    assert someone.local_id == lookalike, "known by the hospital's own number, in its own register"


def test_the_nhs_is_no_register_of_two_hospitals_numbers():
    (ours,) = filed(told("M7^^^NHS^MR")).people
    (theirs,) = filed(told("M7^^^NHS^MR"), Keyed(source="elm", organisation="RX2")).people
    assert {each.system for each in ours.identifiers}.isdisjoint(each.system for each in theirs.identifiers)


def test_a_clock_far_ahead_does_not_stand_for_ever():
    received = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    filing = filed(told("M7^^^RX1^MR", at="20990101000000"), received_at=received)

    assert filing.order == ("2026-11-22T12:00:00.000000Z", "2026-11-22T12:00:00.000000Z")
    assert any("clock" in each for each in filing.notes)


def test_the_hour_that_is_there_twice_is_the_one_that_fits_its_receipt():
    sent = told("M7^^^RX1^MR", at="20261025013000")

    assert filed(sent, received_at=datetime(2026, 10, 25, 0, 31, tzinfo=UTC)).order[0] == "2026-10-25T00:30:00.000000Z"
    assert filed(sent, received_at=datetime(2026, 10, 25, 1, 31, tzinfo=UTC)).order[0] == "2026-10-25T01:30:00.000000Z"


def test_a_time_that_says_its_own_zone_is_believed():
    assert filed(told("M7^^^RX1^MR", at="20260701120000+0000")).order[0] == "2026-07-01T12:00:00.000000Z"
    assert filed(told("M7^^^RX1^MR", at="20260701120000")).order[0] == "2026-07-01T11:00:00.000000Z"


@dataclass(frozen=True)
class Keyed:
    """A sender in an installation with a secret of its own."""

    source: str = "fenwick"
    organisation: str = "RX1"
    name: str = ""
    number_system: str = ""
    visit_number: str = "PV1-19"
    systems: tuple[tuple[str, str], ...] = ()
    authorities: tuple[tuple[str, str], ...] = ()
    zone: str = "Europe/London"
    charset: str = ""
    id_key: bytes = b"secret"


def test_an_id_cannot_be_worked_out_without_the_installations_secret():
    assert stable_id(Keyed(), "Patient", NHS) != stable_id(Keyed(id_key=b"other"), "Patient", NHS)
    assert stable_id(Keyed(), "Patient", NHS) == stable_id(Keyed(), "Patient", NHS)
    assert NHS not in stable_id(Keyed(), "Patient", NHS)
