"""What does a user see at a pretend identity provider? One plain page that says what it is. It works without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from carerecord.region.shapes import Organisation, User

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; font: 1.1875rem/1.45 "Frutiger W01", Arial, sans-serif; color: #212b32; background: #f0f4f5; }
header { background: #425563; color: #fff; padding: 1rem 0; }
header p, main { max-width: 40rem; margin: 0 auto; padding: 0 1rem; }
main { padding-block: 2rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
ul { list-style: none; margin: 1.5rem 0 0; padding: 0; }
li { margin: 0 0 .75rem; }
button { width: 100%; text-align: left; font: inherit; color: inherit; background: #fff;
  border: 1px solid #aeb7bd; border-left: .375rem solid #425563;
  padding: .75rem 1rem; cursor: pointer; }
button:hover { border-color: #212b32; background: #fafbfb; }
button:focus { outline: 4px solid #ffeb3b; outline-offset: 0; box-shadow: inset 0 0 0 4px #212b32; }
button b { display: block; color: #005eb8; }
button span { display: block; font-size: 1rem; color: #4c6272; }
.note { color: #4c6272; font-size: 1rem; }
"""

# The page brings its own style and nothing else; the form may lead on to the service that asked.
HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


def choose(name: str, users: Sequence[User], organisations: Mapping[str, Organisation], asked: Mapping[str, str]) -> bytes:
    """Whom to sign in as. `asked` are the parameters of the authorisation request, carried along."""
    hidden = '<input type="hidden" name="{}" value="{}">'
    carried = "".join(hidden.format(escape(key), escape(value)) for key, value in asked.items())
    rows = "".join(
        f'<li><button name="user" value="{escape(user.username)}"><b>{escape(user.name)}</b>'
        f"{_posts(user, organisations)}</button></li>"
        for user in users
    )
    return _page(
        f"Sign in – {name}",
        name,
        f"""<h1>Sign in</h1>
<p>This is the pretend sign-in page of <strong>{escape(name)}</strong>.
Everybody here is invented, so there is no password: choose who you are.</p>
<form method="post" action="/authorize">{carried}<ul>{rows}</ul></form>
<p class="note">In a real region this page belongs to the organisation, with its own smartcards or security keys.</p>""",
    )


def said(name: str, title: str, words: str) -> bytes:
    return _page(f"{title} – {name}", name, f"<h1>{escape(title)}</h1><p>{escape(words)}</p>")


def _posts(user: User, organisations: Mapping[str, Organisation]) -> str:
    where = {ods: organisation.name for ods, organisation in organisations.items()}
    return "".join(f"<span>{escape(f'{each.job}, {where.get(each.ods, each.ods)}')}</span>" for each in user.profiles)


def _page(title: str, name: str, inner: str) -> bytes:
    return f"""<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><header><p>{escape(name)} · pretend sign-in</p></header><main>{inner}</main></body></html>""".encode()
