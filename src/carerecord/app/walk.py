"""How does a visitor without script walk through the pages? Links, forms and cookies over real HTTP; words to look for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import aiohttp

_UNSEEN = frozenset({"script", "style", "head", "svg", "noscript"})


@dataclass
class Button:
    name: str
    value: str
    words: str = ""


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    words: str = ""
    buttons: list[Button] = field(default_factory=list)


class _Reader(HTMLParser):
    """Text as it is read, forms as they would be sent, links as they would be followed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.first_late: int | None = None  # where in the text the first late part begins
        self._form: Form | None = None
        self._link: str | None = None
        self._button: Button | None = None
        self._unseen = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attributes}
        if tag in _UNSEEN:
            self._unseen += 1
        if tag == "template" and "data-late" in told and self.first_late is None:
            self.first_late = len(self.text)
        if tag == "form":
            self._form = Form(told.get("action", ""), told.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "a":
            self._link = told.get("href")
        elif self._form is not None and told.get("name"):
            if tag in ("textarea", "select") or (tag == "input" and _is_sent(told)):
                self._form.fields.setdefault(told["name"], told.get("value", ""))
            elif tag == "button" and told.get("value"):
                self._form.fields.setdefault(told["name"], told["value"])
        if tag == "button" and self._form is not None:
            self._button = Button(told.get("name", ""), told.get("value", ""))
            self._form.buttons.append(self._button)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "form":
            self._form = None
        elif tag == "a":
            self._link = None
        elif tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        if self._unseen or not data.strip():
            return
        self.text.append(data)
        if self._form is not None:
            self._form.words += data
        if self._button is not None:
            self._button.words += data
        if self._link is not None:
            self.links.append((data, self._link))


def _is_sent(told: Mapping[str, str]) -> bool:
    return told.get("type") not in ("radio", "checkbox") or "checked" in told


@dataclass(frozen=True)
class Page:
    address: str
    status: int
    words: str  # all that is read, spaces folded
    first_words: str  # what is read before the first late part
    forms: tuple[Form, ...]
    links: tuple[tuple[str, str], ...]

    def form(self, words: str, **fields: str) -> Form:
        """The first form whose text or action has these words, and these fields.

        Raises:
            LookupError: none has.
        """
        for each in self.forms:
            said = words.lower() in each.words.lower() or words in each.action
            if said and fields.items() <= each.fields.items():
                return each
        raise LookupError(f"no form with {words!r} on a page that says: {self.words[:200]}")

    def button(self, words: str) -> tuple[Form, Button]:
        """The first button with these words, and the form that it sends.

        Raises:
            LookupError: none has.
        """
        for form in self.forms:
            for button in form.buttons:
                if words.lower() in " ".join(button.words.split()).lower():
                    return form, button
        raise LookupError(f"no button with {words!r} on a page that says: {self.words[:200]}")

    def lacks(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each for each in words if not _holds(self.words, each))

    def holds(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each for each in words if _holds(self.words, each))

    def first_lacks(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each for each in words if not _holds(self.first_words, each))


def _holds(text: str, words: str) -> bool:
    return " ".join(words.split()) in text


def read_page(address: str, status: int, html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    parts = reader.text
    return Page(
        address,
        status,
        _folded(parts),
        _folded(parts[: reader.first_late]) if reader.first_late is not None else _folded(parts),
        tuple(reader.forms),
        tuple(reader.links),
    )


def _folded(parts: list[str]) -> str:
    text = re.sub(r"\s+", " ", " ".join(parts))
    return re.sub(r" ([,.;:)])", r"\1", text)


class Walker:
    """One visitor with a jar of cookies."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, address: str) -> Page:
        async with self._session.get(address) as reply:
            return read_page(str(reply.url), reply.status, await reply.text())

    async def send(self, page: Page, form: Form, told: Mapping[str, str] | None = None) -> Page:
        """Send a form of `page` as a browser would, with what was typed in."""
        fields = {**form.fields, **(told or {})}
        address = urljoin(page.address, form.action or page.address)
        if form.method == "get":
            async with self._session.get(address, params=fields) as reply:
                return read_page(str(reply.url), reply.status, await reply.text())
        origin = "/".join(address.split("/")[:3])
        async with self._session.post(address, data=fields, headers={"Origin": origin, "Referer": page.address}) as reply:
            return read_page(str(reply.url), reply.status, await reply.text())

    async def press(self, page: Page, words: str) -> Page:
        form, button = page.button(words)
        return await self.send(page, form, {button.name: button.value} if button.name else None)

    def forget(self) -> None:
        self._session.cookie_jar.clear()


def a_session() -> aiohttp.ClientSession:
    """Cookies are kept for addresses of the loopback too."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=60))
