"""Which given names are two forms of one name? Only used so that Bill and William do not count as a conflict.

A form that stands for several names (Bert, Ted) links to each of them, and those not to each other.

Source: github.com/carltonnorthern/nicknames (Apache-2.0), names.csv: the pairs of it that are in British use. No pair was added.
"""

from typing import Final

_FORMS: Final = """
abigail: abbie abby gail
abraham: abe
albert: al bert bertie
alexander: alec alex sandy
alfred: alf alfie fred
amelia: millie
andrew: andy drew
anthony: tony
archibald: archie
arthur: art
barbara: babs barb
beatrice: bea
benjamin: ben bennie
bernard: bernie barney
bridget: biddy bridie
charles: charlie
christine: chris
christopher: chris kit
constance: connie
cynthia: cindy
daniel: dan danny
deborah: deb debbie
dorothy: dolly dot
douglas: doug
edith: edie
edmund: ed ned ted
edward: ed ned ted
elizabeth: bess bessie beth betsy betty libby liz liza lizzie
emily: emmie
ernest: ernie
eugene: gene
florence: flo florrie flossie
frances: fran fanny
francis: frank
frederick: fred freddie
gabriel: gabe
geoffrey: geoff
gerald: gerry jerry
gilbert: gil bert
gwendolyn: gwen wendy
harold: hal harry
henry: hal hank harry
herbert: bert herb
isabella: bella issy
isaac: ike
jacob: jake
jacqueline: jackie
james: jamie jim
jeffrey: jeff
jennifer: jenny
jessica: jess
john: jack jock
jonathan: jon
joseph: joe joey
joshua: josh
judith: judy
kathleen: cathy katie
catherine: cathy katie kit
lawrence: larry lawrie
leonard: leo
leslie: les
malcolm: mal
margaret: daisy greta madge maggie maisie marge meg peggie
marjorie: madge marge margie
martha: mattie
matilda: tilda tillie
matthew: matt
maurice: maury
michael: mickey mike
mildred: milly
natalie: nattie
nathaniel: nat nate nathan
nicholas: nick nicky
oliver: ollie
olivia: livia
pamela: pam
patricia: pat patsy patty tricia trish
patrick: paddy pat
penelope: penny
philip: phil pip
priscilla: cilla
rachel: rae
raymond: ray
rebecca: becca beckie becky
reginald: reg reggie
richard: dick richie rick
robert: bob bobby rob
ronald: ron ronnie
samantha: sam sammy
samuel: sam
sandra: sandy
sidney: sid
stephanie: steph
stephen: steve stevie
susannah: sue susan susie
suzanne: sue susie
terence: terry
theodore: ted
theresa: terry tess
thomas: tom
timothy: tim
valerie: val
veronica: ronnie
victor: vic
victoria: vicki tory
vincent: vin vince
virginia: ginny
wallace: wally
walter: wat
wilfred: fred willie
william: bill will willie
winifred: winnie freddie
"""


def _load() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    full: dict[str, set[str]] = {}
    short: dict[str, frozenset[str]] = {}
    for line in _FORMS.strip().splitlines():
        name, _, forms = line.partition(":")
        short[name] = frozenset(forms.split())
        for form in forms.split():
            full.setdefault(form, set()).add(name)
    return {form: frozenset(names) for form, names in full.items()}, short


_FULL_OF, _SHORT_OF = _load()


def full_forms(name: str) -> frozenset[str]:
    """The full names that a folded given name may stand for, itself among them."""
    return _FULL_OF.get(name, frozenset()) | {name}


def same_name(one: str, other: str) -> bool:
    """Whether two folded given names may be forms of one name."""
    return bool(full_forms(one) & full_forms(other))


def forms_of(name: str) -> frozenset[str]:
    """Every other folded given name that `same_name` holds of."""
    full = full_forms(name)
    return frozenset().union(full, *(_SHORT_OF.get(each, frozenset()) for each in full)) - {name}
