"""A spreadsheet of sources is read row by row: what is wrong with one row is told by its number and harms no other."""

from carerecord.sources.model import read_registry

HEAD = "id,organisation,name,kind,connector,address,sections,stage,open_to,deadline_s,retired,note for us\n"
ELM = (
    "elm-bank,A99917,Elm Bank Surgery,gp,fhir_r4,https://elm.example/fhir,allergies;medicines,"
    "organisations,R9A; R9F,4.5,no,ring Jo\n"
)
OAK = 'oak,A99918,"Oak, Ash and Partners",gp,fhir_r4,https://oak.example/fhir,"allergies, problems",,,,,\n'


def test_one_row_is_one_source():
    registry = read_registry({"region.csv": HEAD + ELM + OAK})
    assert registry.problems == ()
    elm, oak = registry.sources
    assert [(each.section, each.stage, each.organisations) for each in elm.sections] == [
        ("allergies", "organisations", ("R9A", "R9F")),
        ("medicines", "organisations", ("R9A", "R9F")),
    ]
    assert (elm.deadline_s, elm.retired) == (4.5, False)
    assert (oak.name, [each.section for each in oak.sections]) == ("Oak, Ash and Partners", ["allergies", "problems"])


def test_a_spreadsheet_and_tables_stand_beside_each_other_and_one_id_is_one_source():
    table = '[[source]]\nid = "oak"\norganisation = "A99918"\nname = "Oak"\nkind = "gp"\nconnector = "fhir_r4"\naddress = "https://o.example"\n'
    registry = read_registry({"a.toml": table, "b.csv": HEAD + ELM + OAK})
    assert [(each.id, each.name) for each in registry.sources] == [("elm-bank", "Elm Bank Surgery"), ("oak", "Oak")]
    assert registry.problems == ("b.csv, row 3, oak: another table has this id",)


def test_each_bad_row_is_told_in_plain_words_by_its_number_and_the_good_ones_stand():
    bad = (
        "x,A99919,X,gp,ftp,https://x.example,allergies,,,,,\n"
        "y,A99919,Y,gp,fhir_r4,https://y.example,allergies,,,soon,,\n"
        'z,A99919,"Z,gp,fhir_r4,https://z.example,allergies,,,,,\n'
        ",,,,,,,,,,,\n"
        "w,A99919,W,gp,fhir_r4,https://w.example,allergies,,,,maybe,,,and more\n"
    )
    registry = read_registry({"region.csv": HEAD + bad + ELM})
    assert [each.id for each in registry.sources] == ["elm-bank"]
    told = "\n".join(registry.problems)
    for words in (
        "region.csv, row 2, x: connector is 'ftp'",
        "region.csv, row 3, y: deadline_s is 'soon', which is not a number",
        "region.csv, row 4: a quotation mark is never closed",
        "region.csv, row 6, w: it has more cells than there are columns",
        "retired is 'maybe', which is not yes or no",
    ):
        assert words in told, words
    assert "row 5" not in told, "an empty row is no row"


def test_a_column_that_is_not_known_is_a_fault_of_the_rows_that_fill_it():
    head = HEAD.replace("note for us", "stage_at_mots")
    registry = read_registry({"region.csv": head + ELM.replace("ring Jo", "off") + OAK})
    assert [each.id for each in registry.sources] == ["oak"]
    assert "row 2, elm-bank: the column 'stage_at_mots' is not known" in registry.problems[0]


def test_what_spreadsheet_programs_write_is_read():
    other = (HEAD + ELM).replace(";", "|").replace(",", ";").replace("\n", "\r\n")
    registry = read_registry({"region.csv": "\ufeff" + other})
    assert registry.problems == ()
    assert [each.section for each in registry.sources[0].sections] == ["allergies", "medicines"]


def test_a_row_with_letters_that_cannot_be_read_is_told_how_to_save_it():
    registry = read_registry({"region.csv": HEAD + ELM.replace("Elm", "\ufffdlm") + OAK})
    assert [each.id for each in registry.sources] == ["oak"]
    assert "save the sheet as CSV UTF-8" in registry.problems[0]


def test_a_sheet_without_a_heading_is_told_once():
    assert read_registry({"region.csv": ELM}).problems[0].startswith("region.csv has no column called id")
    assert read_registry({"region.csv": "\n,,\n"}).problems == ("region.csv is empty",)
    assert read_registry({"region.csv": "id,id\n"}).problems == ("region.csv has two columns called id",)
