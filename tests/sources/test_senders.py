"""Who may send messages? A table is taken whole or not at all, and says what is wrong with it."""

from pathlib import Path

import pytest

from carerecord.contracts.sources import Registry
from carerecord.sources.model import read_registry

SOURCE = """
[[source]]
id = "fenwick-epr"
organisation = "R1A"
name = "Fenwick General"
kind = "acute"
connector = "fhir_r4"
address = "http://fenwick.test/fhir"
number_system = "https://fenwick.test/Id/number"
"""


def registry(*senders: str) -> Registry:
    return read_registry({"region.toml": SOURCE + "".join(f"[[sender]]\n{each}\n" for each in senders)})


PAS = 'id = "fenwick-pas"\nsource = "fenwick-epr"\nsends_as = [["PAS", "R1A"]]'


def test_a_sender_takes_what_it_does_not_say_from_its_source():
    (sender,) = registry(PAS).senders

    assert (sender.organisation, sender.name, sender.number_system) == (
        "R1A",
        "Fenwick General",
        "https://fenwick.test/Id/number",
    )
    assert sender.sends_as == (("PAS", "R1A"),)


def test_the_sender_of_extracts_as_the_how_to_writes_it_is_taken():
    page = Path(__file__).parents[2] / "docs/how-to/take-extracts-and-events.md"
    table = page.read_text(encoding="utf-8").split("[[sender]]")[1].split("```")[0].replace('"fenwick"', '"fenwick-epr"')
    found = registry(table)

    assert found.problems == ()
    assert [(each.id, each.sends_as) for each in found.senders] == [("fenwick-extracts", ())]


def test_the_mapping_of_a_senders_rows_is_a_file_as_the_how_to_writes_it():
    page = (Path(__file__).parents[2] / "docs/how-to/take-extracts-and-events.md").read_text(encoding="utf-8")
    mapping = page.split("## A mapping for rows")[1].split("```toml")[1].split("```")[0]
    asked = SOURCE.replace('"fhir_r4"', '"none"').replace('address = "http://fenwick.test/fhir"\n', "")
    table = page.split("[[sender]]")[1].split("```")[0].replace('"fenwick"', '"fenwick-epr"')
    sender = "[[sender]]\n" + table.replace("# mapping", "mapping")

    found = read_registry({"region.toml": asked + sender, "mappings/fenwick-allergies.toml": mapping})
    lost = read_registry({"region.toml": asked + sender})

    assert found.problems == ()
    assert [each.mapping for each in found.senders] == [mapping]
    says = "mapping names 'fenwick-allergies.toml', and there is no such file in the folder mappings"
    assert (lost.senders, lost.problems) == ((), (f"region.toml, sender fenwick-extracts: {says}",))


def test_a_source_that_is_not_asked_may_name_the_mapping_of_its_extracts():
    asked = SOURCE.replace('"fhir_r4"', '"none"\nmapping = "rows.toml"').replace('address = "http://fenwick.test/fhir"\n', "")

    found = read_registry({"region.toml": asked + f"[[sender]]\n{PAS}\n", "mappings/rows.toml": "name = 1"})

    assert found.problems[0].startswith("region.toml, fenwick-epr: mappings/rows.toml: ")


def test_a_fingerprint_may_be_written_as_openssl_prints_it():
    pairs = ":".join(["AB"] * 32)

    (sender,) = registry(f'{PAS}\ncertificates = ["SHA256:{pairs}"]').senders

    assert sender.certificates == ("sha256:" + "ab" * 32,)


@pytest.mark.parametrize(
    ("printed", "spelt"),
    [
        ("CN = pas, O = Fenwick", "CN=pas,O=Fenwick"),
        (" CN=pas,O=Fenwick, Ltd ", "CN=pas,O=Fenwick, Ltd"),
        ('O = "Fenwick, Ltd", CN = pas', "O=Fenwick, Ltd,CN=pas"),
        (r'O = "The \"Fenwick\", Ltd"', 'O=The "Fenwick", Ltd'),
        ("CN = pas, emailAddress = a@b.uk, serialNumber = 12", "CN=pas,1.2.840.113549.1.9.1=a@b.uk,2.5.4.5=12"),
    ],
)
def test_a_subject_may_be_written_as_openssl_prints_it(printed: str, spelt: str):
    (sender,) = registry(f"{PAS}\ncertificates = ['subject:{printed}']").senders

    assert sender.certificates == (f"subject:{spelt}",)


def test_a_sender_of_an_unknown_source_is_left_out_and_told():
    found = registry('id = "x"\nsource = "nowhere"\nsends_as = [["PAS", "R1A"]]')

    assert found.senders == ()
    assert found.problems == ("region.toml, sender x: source names 'nowhere', which is not in the registry",)


def test_two_senders_of_one_name_must_show_certificates_of_their_own():
    lab = PAS.replace("fenwick-pas", "fenwick-lab")

    assert "fenwick-pas uses too" in registry(PAS, lab).problems[0]
    own = [f'{each}\ncertificates = ["sha256:{digit * 64}"]' for each, digit in ((PAS, "a"), (lab, "b"))]
    assert len(registry(*own).senders) == 2


def test_each_fault_says_what_to_write_instead():
    faults = 'acknowledge = "never"\nunable = "AA"\nvisit_number = "visit"\nzone = "Mars/Olympus"\ncharset = "klingon"'

    problems = registry(f"{PAS}\n{faults}").problems

    assert [each.split(": ", 1)[1].split(";")[0].split(" is ")[0] for each in problems] == [
        "acknowledge", "unable", "visit_number", "zone 'Mars/Olympus'", "charset 'klingon'",
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["PV1-50", "PID-18", "ZVN-2", "PV1-19/PID-3"])
def test_each_place_of_a_visits_number_that_the_pages_name_may_stand_in_a_table(field: str):
    found = registry(f'{PAS}\nvisit_number = "{field}"')

    assert (found.problems, [each.visit_number for each in found.senders]) == ((), [field])


def test_a_part_of_a_field_is_no_place_of_a_visits_number():
    """It was taken, and no number was ever found there: each message began another visit."""
    assert "visit_number is a field" in registry(f'{PAS}\nvisit_number = "PV1-50.1"').problems[0]


def test_a_change_of_a_sender_is_a_new_version_of_the_registry():
    assert registry(PAS).version != registry(f'{PAS}\nzone = "Europe/Dublin"').version
    assert registry().version != registry(PAS).version
