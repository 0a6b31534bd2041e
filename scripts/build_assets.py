"""What do pages take from npm? What is used of nhsuk-frontend and htmx, copied beside our own styles without outside requests."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src/carerecord/pages/static/vendor"


def build(modules: Path, into: Path = VENDOR) -> list[Path]:
    """Write nhsuk.css, htmx.js and their licences into `into`; the files written.

    The stylesheet's fonts lie on another host, and its sort icons under a path that is not ours: a clinical page fetches
    nothing from outside, so both rules are left out (pages use the system's fonts and no sortable table).
    """
    into.mkdir(parents=True, exist_ok=True)
    sheet = next((modules / "nhsuk-frontend/dist/nhsuk").glob("nhsuk-frontend-[0-9]*.min.css")).read_text()
    sheet = re.sub(r"@font-face\{[^}]*\}", "", sheet)
    sheet = re.sub(r"url\((?!data:)[^)]*\)", "none", sheet)
    sheet = re.sub(r"/\*# sourceMappingURL=[^*]*\*/", "", sheet)
    if "//assets" in sheet or "url(/" in sheet:
        raise SystemExit("nhsuk-frontend names an address that a page may not fetch, in a form that is not known here")
    script = (modules / "htmx.org/dist/htmx.min.js").read_text()
    written = {
        "nhsuk.css": sheet,
        "htmx.js": re.sub(r"//# sourceMappingURL=.*", "", script),
        "nhsuk.LICENCE": "nhsuk-frontend, Crown Copyright, MIT licence: https://github.com/nhsuk/nhsuk-frontend\n",
        "htmx.LICENCE": "htmx, Zero-Clause BSD: https://github.com/bigskysoftware/htmx\n",
    }
    for name, text in written.items():
        (into / name).write_text(text)
    return [into / name for name in written]


if __name__ == "__main__":
    modules = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "node_modules"
    if not (modules / "nhsuk-frontend").is_dir():
        raise SystemExit(f"{modules} holds no nhsuk-frontend: run `npm ci` first")
    build(modules)
