"""The door of policy."""

from dataclasses import dataclass
from pathlib import Path

from carerecord.contracts.policy import MAY, MAY_DO, MAY_TELL, PLACES, RULES, UNNAMED, VEILS
from carerecord.kit.part import Part, Supplies, answer
from carerecord.kit.settings import read
from carerecord.policy.model import Book, read_book
from carerecord.policy.service import Judge
from carerecord.policy.stages import Stages

RULES_FOLDER = Path(__file__).parent / "rules"


@dataclass(frozen=True)
class PolicySettings:
    """Read from the environment with the prefix CARERECORD_POLICY_."""

    rules: str = ""  # a folder of TOML files instead of those that come with the program


def book_in(folder: Path = RULES_FOLDER) -> Book:
    """The rules of a folder of TOML files."""
    return read_book({file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.toml"))})


def build(supplies: Supplies) -> Part:
    settings = read(PolicySettings, supplies.settings)
    folder = Path(settings.rules) if settings.rules else RULES_FOLDER
    judge = Judge(book_in(folder), supplies.calls, supplies.keys, supplies.clock, Stages(supplies.calls))
    return Part(
        "policy",
        answers=(
            answer(MAY, judge.may),
            answer(MAY_DO, judge.may_do),
            answer(MAY_TELL, judge.may_tell),
            answer(RULES, judge.rules),
            answer(VEILS, judge.veils),
            answer(PLACES, judge.places),
            answer(UNNAMED, judge.unnamed),
        ),
    )
