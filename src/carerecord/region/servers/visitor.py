"""Where does the patient of a scene stand at carerecord? Found as a visitor would: sign in, search, take the first person.

A link may hold opaque ids only, and only carerecord knows them; so the tour looks the patient up by the pages that everybody
uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from carerecord.region.shapes import Scene, User

_PATIENT = "/patient"


@dataclass
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)  # fields to type into, in order


class _Page(HTMLParser):
    """The forms and links of a page."""

    def __init__(self, address: str, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.address = address
        self.forms: list[_Form] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(_Form(told.get("action", "")))
        elif tag == "a" and told.get("href"):
            self.links.append(told["href"])
        elif tag == "input" and self.forms and told.get("name"):
            form = self.forms[-1]
            if told.get("type", "text") in ("text", "search"):
                form.typed.append(told["name"])
            elif told.get("type") == "hidden":
                form.fields[told["name"]] = told.get("value", "")

    @property
    def path(self) -> str:
        parts = urlsplit(self.address)
        return parts.path + (f"?{parts.query}" if parts.query else "")


class Visitor:
    """Looks patients up at carerecord, one jar of cookies for each user, signed in anew when need be."""

    def __init__(self, front: str, wait_s: float = 20.0) -> None:
        self._front, self._wait_s = front, wait_s

    async def found(self, scene: Scene, user: User) -> str:
        """The path of the scene's patient, at which the opening is confirmed.

        Raises:
            LookupError: carerecord does not answer as it should; the message is for the visitor.
        """
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self._wait_s)
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=timeout) as web:

                async def get(address: str) -> _Page:
                    async with web.get(address) as reply:
                        return _Page(str(reply.url), await reply.text())

                async def post(page: _Page, form: _Form, told: Mapping[str, str]) -> _Page:
                    address = urljoin(page.address, form.action or page.address)
                    headers = {"Origin": self._front, "Referer": page.address}
                    async with web.post(address, data={**form.fields, **told}, headers=headers) as reply:
                        return _Page(str(reply.url), await reply.text())

                query = urlencode({"provider": user.provider, "login_hint": user.username, "after": "/"})
                page = await get(f"{self._front}/sign-in?{query}")
                form = _the(page, lambda form: bool(form.typed), "a search")
                answer = await post(page, form, {form.typed[0]: scene.nhs_number})
                return self._person(answer)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise LookupError(f"carerecord at {self._front} does not answer. Wait until it says that it is ready.") from error

    def _person(self, page: _Page) -> str:
        if page.path.startswith(_PATIENT):
            return page.path
        for link in page.links:
            path = urlsplit(urljoin(page.address, link))
            if path.path.startswith(_PATIENT):
                return path.path + (f"?{path.query}" if path.query else "")
        raise LookupError("The search at carerecord did not find the patient of this scene. Is the enrolment done?")


def _the(page: _Page, fits: Callable[[_Form], bool], what: str) -> _Form:
    found = next((form for form in page.forms if fits(form)), None)
    if found is None:
        raise LookupError(f"There is no {what.removeprefix('a ')} on carerecord's page after signing in.")
    return found
