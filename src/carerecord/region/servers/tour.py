"""What does a visitor see first? The scenes, each one click from the right user, the right patient and the right moment."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import chain
from urllib.parse import urlencode

from carerecord.region.servers.engine import NotTaken
from carerecord.region.servers.http import HTML, Answer, Asked, Reply, as_json, redirect
from carerecord.region.servers.tour_style import STYLE
from carerecord.region.shapes import Fault, Region, Scene, System, User, View

_MARKS: Mapping[str, tuple[str, str]] = {
    "unavailable": ("src--gap", "does not answer"),
    "gone": ("src--gap", "no longer knows the patient"),
    "slow": ("src--late", "joins late"),
    "flaky": ("src--gap", "fails now and then"),
    "wrong-patient": ("src--bad", "is discarded"),
}
_JOBS = {
    "ae-doctor": "A&E doctor",
    "gp": "GP",
    "social-worker": "social worker",
    "receptionist": "receptionist",
    "administrator": "administrator",
    "privacy-officer": "privacy officer",
    "ward-nurse": "ward nurse",
    "hospital-pharmacist": "hospital pharmacist",
    "community-pharmacist": "pharmacist",
    "paramedic": "paramedic",
    "midwife": "midwife",
    "health-visitor": "health visitor",
    "community-nurse": "community nurse",
    "care-home-nurse": "care-home nurse",
    "mental-health-worker": "care coordinator",
    "safeguarding-lead": "safeguarding lead",
    "data-quality-officer": "data-quality officer",
    "clinical-safety-officer": "clinical safety officer",
}
HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)

_TICKET_LASTS_S = 120.0
Begin = Callable[[int, View], Awaitable[None]]  # a scene begins, with the view's further faults and messages


class Tour:
    """The tour's page and its clicks. `front` is carerecord's address."""

    def __init__(self, region: Region, front: str, *, begin: Begin) -> None:
        self._region, self._front = region, front
        self._scenes = {scene.number: scene for scene in region.scenes if scene.complete}
        self._users = {user.username: user for user in region.users}
        self._begin = begin
        self._tickets: dict[str, tuple[float, dict[str, str | int]]] = {}
        self._came: set[tuple[int, int]] = set()  # the views, by scene and place, whose messages were sent

    def __call__(self, asked: Asked) -> Answer | asyncio.Future[Answer]:
        if asked.path == "/" and asked.method in ("GET", "HEAD"):
            return Reply(self._page(), 200, HTML, HEADERS)
        if asked.method == "POST" and (stop := self._stop(asked.path)) is not None:
            return asyncio.ensure_future(self._go(*stop))
        if asked.path.startswith("/ticket/") and asked.method == "GET":
            return self._collected(asked.path.removeprefix("/ticket/"))
        return Reply(self._said("Nothing here", "Go back to the tour's first page."), 404, HTML, HEADERS)

    def _stop(self, path: str) -> tuple[Scene, int] | None:
        """Where `/scene/6`, or the first further view `/scene/6/1`, leads: the scene, and the place of the view in it."""
        number, _, place = path.removeprefix("/scene/").partition("/")
        scene = self._scenes.get(int(number)) if number.isdigit() else None
        if scene is None or not path.startswith("/scene/"):
            return None
        if not place:
            return scene, 0
        return (scene, int(place)) if place.isdigit() and 0 < int(place) <= len(scene.views) else None

    async def _go(self, scene: Scene, place: int) -> Answer:
        """The moment is set, a ticket made, and the browser sent off to sign in.

        An address may not say who the patient is. It bears a ticket, which carerecord collects here, once and by itself.
        """
        first = View(scene.user, "", purpose=scene.purpose, sends=scene.sends, number=scene.number_there)
        views = (first, *scene.views)
        view = views[place]
        missed = [at for at in range(place) if (scene.number, at) not in self._came]  # who corrects has said something before
        try:
            sends = (*chain.from_iterable(views[at].sends for at in missed), *view.sends)
            await self._begin(scene.number, replace(view, sends=sends))
        except NotTaken as error:
            return Reply(self._said("Not sent", f"{error}."), 503, HTML, HEADERS)
        self._came |= {(scene.number, at) for at in (*missed, place)}
        user, after = self._users[view.user], view.page or f"/arrive?{urlencode({'ticket': self._ticket(scene, view)})}"
        query = urlencode({"provider": user.provider, "login_hint": user.username, "after": after})
        return redirect(f"{self._front}/sign-in?{query}", status=303)

    def _ticket(self, scene: Scene, view: View) -> str:
        wanted = view.patient or scene.patient
        person = next(person for person in self._region.people if person.key == wanted)
        ticket, now = secrets.token_hex(18), time.monotonic()
        self._tickets = {known: each for known, each in self._tickets.items() if now - each[0] < _TICKET_LASTS_S}
        says: dict[str, str | int] = {
            "nhs_number": view.number or person.nhs_number,
            "birth_date": "" if view.number else person.born.isoformat(),
            "given": person.given[0],
            "reason": view.reason or scene.reason,
            "purpose": view.purpose,
            "scene": scene.number,
        }
        self._tickets[ticket] = (now, says)
        return ticket

    def _collected(self, ticket: str) -> Reply:
        """Whom a visitor came for: told once, and not for long."""
        made_at, says = self._tickets.pop(ticket, (float("-inf"), {}))
        if time.monotonic() - made_at > _TICKET_LASTS_S:
            return as_json({"error": "This ticket was collected before, or is too old."}, 404)
        return as_json(says, headers=(("Cache-Control", "no-store"),))

    # the page

    def _page(self) -> bytes:
        scenes = [self._scenes[number] for number in sorted(self._scenes)]
        today = self._region.now
        systems, organisations = len(self._region.systems), len({system.ods for system in self._region.systems})
        cards, count = "".join(self._card(scene) for scene in scenes), _counted(len(scenes))
        lead = (
            f"A pretend region of {systems} systems in {organisations} organisations is running on this machine, with "
            f"{len(self._region.people)} people, all of them invented. Each scene signs you in as the right person and takes "
            f'you to the right patient at the right moment. Times are relative to <span class="nb">{today:%d-%b-%Y %H:%M}</span>.'
        )
        return _whole(
            "Tour",
            f"""<h1>{count} patients, {count.lower()} things that go wrong</h1><p class="lead">{lead}</p>
<ul class="cards">{cards}</ul>
<ul class="key" aria-label="Key to the marks of sources">{self._key()}</ul>
<p class="own">Or <a href="{escape(self._front)}/">look round by yourself</a>: choose an organisation, then any user.
No password is asked for.</p>""",
        )

    def _card(self, scene: Scene) -> str:
        person = next(person for person in self._region.people if person.key == scene.patient)
        user = self._users[scene.user]
        looks = "".join(f"<li>{escape(words)}</li>" for words in scene.look_for)
        ways = _way(scene, "", "go", f"Open as {_job(user)}")
        ways += f'<span class="who">{escape(user.name)}</span>'
        by_hand = [(place, view) for place, view in enumerate(scene.views, 1) if not view.press]
        ways += "".join(_way(scene, f"/{place}", "else", f"Open {view.says}") for place, view in by_hand)
        return f"""<li class="card"><h2><span class="n">{scene.number}</span>{escape(scene.title)}</h2>
<p>{_story(scene.story, f"{person.given[0]} {person.family}")}</p>
<ul class="strip" aria-label="Sources that know the patient">{self._strip(scene)}</ul>
<ul class="look">{looks}</ul><div class="ways">{ways}</div></li>"""

    def _strip(self, scene: Scene) -> str:
        faults = {fault.system: fault for fault in scene.faults}
        asked = [system for system in self._region.systems if self._knows(system, scene) or system.key in faults]
        marks = [_mark(system, faults.get(system.key)) for system in asked if system.key not in scene.not_asked]
        marks += [_src(system, "src--ask", "is not asked") for system in self._region.systems if system.key in scene.not_asked]
        return "".join(f"<li>{mark}</li>" for mark in marks)

    def _knows(self, system: System, scene: Scene) -> bool:
        return any(holding.person == scene.patient for holding in self._region.holdings.get(system.key, ()))

    def _key(self) -> str:
        one = self._region.systems[0]
        states = [("", "answers"), *dict.fromkeys(_MARKS.values()), ("src--ask", "is not asked")]
        named = dict(reversed(states))
        return "".join(
            f'<li><abbr class="src {style}">{escape(one.mark)}</abbr>{words}</li>' for style, words in reversed(named.items())
        )

    def _said(self, title: str, words: str) -> bytes:
        return _whole(
            title, f'<h1>{escape(title)}</h1><p class="lead">{escape(words)}</p><p><a href="/">Back to the tour</a></p>'
        )


def _way(scene: Scene, further: str, style: str, words: str) -> str:
    hidden = f'<span class="vh">: scene {scene.number}, {escape(scene.title)}</span>'
    button = f'<button class="{style}">{escape(words)}{hidden}</button>'
    return f'<form method="post" action="/scene/{scene.number}{further}">{button}</form>'


def _mark(system: System, fault: Fault | None) -> str:
    style, words = _MARKS.get(fault.kind, ("src--gap", "misbehaves")) if fault else ("", "answers")
    return _src(system, style, words)


def _src(system: System, style: str, words: str) -> str:
    mark, name = escape(system.mark), escape(system.name)
    return f'<abbr class="src {style}" title="{name} {words}">{mark}</abbr><span class="vh"> {words}</span>'


def _job(user: User) -> str:
    """The kind of work, or where a hospital doctor is no A&E doctor, the post: "obstetric registrar"."""
    post = user.profiles[0]
    if post.role == "ae-doctor" and "mergency" not in post.job:
        return post.job[:1].lower() + post.job[1:]
    return _JOBS[post.role]


def _story(story: str, name: str) -> str:
    """The story with its person's name standing out."""
    return escape(story).replace(escape(name), f"<strong>{escape(name)}</strong>", 1)


def _counted(count: int) -> str:
    words: Sequence[str] = (
        "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve", "Thirteen",
        "Fourteen", "Fifteen",
    )  # fmt: skip
    return words[count] if count < len(words) else str(count)


def _whole(title: str, inner: str) -> bytes:
    return f"""<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><title>{escape(title)} – carerecord</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="format-detection" content="telephone=no">
<style>{STYLE}</style></head>
<body><a class="skip" href="#main">Skip to main content</a>
<header><div class="wrap"><a class="name" href="/">carerecord</a><span>The pretend region</span></div></header>
<main id="main" class="wrap">{inner}</main></body></html>""".encode()
