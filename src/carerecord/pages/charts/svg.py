"""How is an SVG drawing put together from safe parts? Every word and class is escaped here; numbers are written by `num`."""

from collections.abc import Iterable

from markupsafe import Markup, escape


def num(value: float) -> str:
    """A coordinate with at most one decimal."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def _made(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - its parts were escaped by the functions below


def text(x: float, y: float, words: str, *, cls: str = "", anchor: str = "") -> Markup:
    named = f' class="{escape(cls)}"' if cls else ""
    anchored = f' text-anchor="{escape(anchor)}"' if anchor else ""
    return _made(f'<text x="{num(x)}" y="{num(y)}"{named}{anchored}>{escape(words)}</text>')


def rect(x: float, y: float, width: float, height: float, cls: str, inside: Markup | str = "") -> Markup:
    place = f'x="{num(x)}" y="{num(y)}" width="{num(width)}" height="{num(height)}"'
    return _made(f'<rect class="{escape(cls)}" {place}>{escape(inside)}</rect>')


def path(d: str, cls: str, inside: Markup | str = "") -> Markup:
    return _made(f'<path class="{escape(cls)}" d="{escape(d)}">{escape(inside)}</path>')


def circle(x: float, y: float, size: float, cls: str, inside: Markup | str = "") -> Markup:
    return _made(f'<circle class="{escape(cls)}" cx="{num(x)}" cy="{num(y)}" r="{num(size)}">{escape(inside)}</circle>')


def titled(words: str) -> Markup:
    return _made(f"<title>{escape(words)}</title>")


def drawing(width: float, height: float, key: str, title: str, desc: str, parts: Iterable[Markup], cls: str) -> Markup:
    """The whole picture, with its name and its meaning for those who do not see it. `key` is unique on the page."""
    key = escape(key)
    return _made(
        f'<svg class="{escape(cls)}" viewBox="0 0 {num(width)} {num(height)}" role="img" '
        f'aria-labelledby="{key}-t {key}-d" focusable="false"><title id="{key}-t">{escape(title)}</title>'
        f'<desc id="{key}-d">{escape(desc)}</desc>{Markup("").join(parts)}</svg>'
    )


def mark(x: float, y: float, shape: int, cls: str, size: float = 4.5) -> Markup:
    """One point: circle, square, diamond, triangle, in turn for each laboratory."""
    if shape % 4 == 0:
        return circle(x, y, size, cls)
    if shape % 4 == 1:
        return rect(x - size, y - size, size * 2, size * 2, cls)
    up = size * 1.35
    if shape % 4 == 2:
        return path(f"M{num(x)} {num(y - up)}L{num(x + up)} {num(y)}L{num(x)} {num(y + up)}L{num(x - up)} {num(y)}z", cls)
    return path(f"M{num(x)} {num(y - up)}L{num(x + up)} {num(y + size)}H{num(x - up)}z", cls)
