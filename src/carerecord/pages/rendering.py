"""How does a template become a page? One environment for all faces, everything escaped, nothing undefined."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from carerecord.pages.formatting import css_text, joined, whole_dates
from carerecord.pages.icons import icon
from carerecord.pages.names import name_parts, nhs_number, official, preferred

HERE = Path(__file__).parent
STATIC = HERE / "static"


def environment(*folders: Path) -> Environment:
    """Templates of these folders, over the layout and the components of this one."""
    env = Environment(
        loader=FileSystemLoader([*folders, HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals.update(icon=icon, static=_static_address(), name_parts=name_parts, official=official, preferred=preferred)
    env.filters.update(css_text=css_text, joined=joined, whole_dates=whole_dates, nhs_number=nhs_number)
    return env


def render(env: Environment, template: str, values: Mapping[str, Any]) -> str:
    return env.get_template(template).render(values)


def _static_address() -> Any:
    """A static file's address bears a part of its hash, so that it may be kept for ever and is never stale."""
    known: dict[str, str] = {}

    def address(name: str) -> str:
        if name not in known:
            known[name] = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
        return f"/static/{name}?v={known[name]}"

    return address
