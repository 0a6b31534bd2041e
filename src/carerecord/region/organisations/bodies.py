"""Which organisations does the pretend region have, and where do their staff sign in?

ODS codes have the right form for their kind but were never issued; telephone numbers are in the ranges that Ofcom keeps for
drama; postcodes use the area ZZ, which Royal Mail does not use.
"""

from carerecord.region.shapes import IdentityProvider, Organisation

ELM_BANK, QUAYSIDE, KIRKGATE, GREENHEAD, SALTMARSH = "A99917", "A99924", "A99931", "A99948", "A99962"
ALDERMOOR, FENWICK = "R9A", "R9F"
AMBULANCE, COMMUNITY, MENTAL_HEALTH = "R9M", "R9C", "R9V"
HOSPICE, COUNCIL, PHARMACY, BOARD = "8HX91", "991", "FZ991", "QZ9"
CARE_HOME, QUAY_PHARMACY, SEXUAL_HEALTH, OUT_OF_HOURS = "VM991", "FZ992", "NX991", "NX992"

ORGANISATIONS: tuple[Organisation, ...] = (
    Organisation(ELM_BANK, "Elm Bank Surgery", "gp", "01632 960 110", "01632 960 114",
                 ("Elm Bank", "Aldermoor"), "ZZ1 1EB", "primary-care"),
    Organisation(QUAYSIDE, "Quayside Surgery", "gp", "01632 960 120", "01632 960 124",
                 ("3 Quayside", "Fenwick"), "ZZ4 2QS", "primary-care"),
    Organisation(KIRKGATE, "Kirkgate Medical Group", "gp", "01632 960 130", "01632 960 134",
                 ("21 Kirkgate", "North Fells"), "ZZ7 3KG", "primary-care"),
    Organisation(GREENHEAD, "Greenhead Health Centre", "gp", "01632 960 140", "01632 960 144",
                 ("2 Green Lane", "Aldermoor"), "ZZ2 8GH", "primary-care"),
    Organisation(SALTMARSH, "Saltmarsh Surgery", "gp", "01632 960 150", "01632 960 154",
                 ("Saltmarsh Road", "Fenwick"), "ZZ5 1SM", "primary-care"),
    Organisation(ALDERMOOR, "Aldermoor University Hospitals", "acute", "01632 960 200", "01632 960 204",
                 ("Infirmary Road", "Aldermoor"), "ZZ1 9AH", "aldermoor"),
    Organisation(FENWICK, "Fenwick General Hospital", "acute", "01632 960 300", "01632 960 304",
                 ("Harbour Way", "Fenwick"), "ZZ4 9FG", "fenwick"),
    Organisation(AMBULANCE, "North Fells Ambulance", "ambulance", "01632 960 400", "01632 960 404",
                 ("Station Yard", "North Fells"), "ZZ7 9AM", "ambulance"),
    Organisation(COMMUNITY, "Aldermoor Community Health", "community", "01632 960 500", "01632 960 504",
                 ("Mill Lane", "Aldermoor"), "ZZ1 8CH", "community"),
    Organisation(MENTAL_HEALTH, "Calder Vale Mental Health", "mental-health", "01632 960 600", "01632 960 604",
                 ("Calder House", "Aldermoor"), "ZZ2 8MH", "calder"),
    Organisation(HOSPICE, "St Oswin's Hospice", "hospice", "01632 960 650", "01632 960 654",
                 ("Abbey Walk", "Aldermoor"), "ZZ2 7HO"),
    Organisation(COUNCIL, "Aldermoor Council", "council", "01632 960 700", "01632 960 704",
                 ("Town Hall", "Aldermoor"), "ZZ1 7SC", "council"),
    Organisation(PHARMACY, "Hartley Pharmacy", "pharmacy", "01632 960 750", "01632 960 754",
                 ("8 Market Place", "Aldermoor"), "ZZ1 6RX", "primary-care"),
    Organisation(QUAY_PHARMACY, "Quay Pharmacy", "pharmacy", "01632 960 760", "01632 960 764",
                 ("1 Quayside", "Fenwick"), "ZZ4 2QP", "primary-care"),
    Organisation(CARE_HOME, "Rowan Court Care Home", "care-home", "01632 960 770", "01632 960 774",
                 ("Rowan Court", "Aldermoor"), "ZZ2 5RC", "primary-care"),
    Organisation(SEXUAL_HEALTH, "Harbour Sexual Health", "sexual-health", "01632 960 780", "01632 960 784",
                 ("4 Custom House Lane", "Fenwick"), "ZZ4 6SH"),
    Organisation(OUT_OF_HOURS, "Fells Out of Hours", "out-of-hours", "01632 960 790", "01632 960 794",
                 ("Infirmary Road", "Aldermoor"), "ZZ1 9AJ", "primary-care"),
    Organisation(BOARD, "Fells and Harbour Integrated Care Board", "board", "01632 960 800", "01632 960 804",
                 ("Exchange House", "Aldermoor"), "ZZ1 5QZ", "primary-care"),
)  # fmt: skip

PROVIDERS: tuple[IdentityProvider, ...] = (
    IdentityProvider("aldermoor", ALDERMOOR, "Aldermoor University Hospitals"),
    IdentityProvider("primary-care", BOARD, "Primary care in Fells and Harbour"),
    IdentityProvider("council", COUNCIL, "Aldermoor Council"),
    IdentityProvider("fenwick", FENWICK, "Fenwick General Hospital"),
    IdentityProvider("community", COMMUNITY, "Aldermoor Community Health"),
    IdentityProvider("ambulance", AMBULANCE, "North Fells Ambulance"),
    IdentityProvider("calder", MENTAL_HEALTH, "Calder Vale Mental Health"),
)

ORGANISATION_BY_ODS = {organisation.ods: organisation for organisation in ORGANISATIONS}
