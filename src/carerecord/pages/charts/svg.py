"""How is an SVG drawing put together from safe parts?"""

from collections.abc import Iterable

from markupsafe import Markup


def num(value: float) -> str:
    """A coordinate with at most one decimal."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def text(x: float, y: float, words: str, *, cls: str = "", anchor: str = "") -> Markup:
    attributes = Markup("")
    if cls:
        attributes += Markup(' class="{}"').format(cls)
    if anchor:
        attributes += Markup(' text-anchor="{}"').format(anchor)
    return Markup('<text x="{}" y="{}"{}>{}</text>').format(num(x), num(y), attributes, words)


def rect(x: float, y: float, width: float, height: float, cls: str, inside: Markup | str = "") -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}">{}</rect>').format(
        cls, num(x), num(y), num(width), num(height), inside
    )


def path(d: str, cls: str, inside: Markup | str = "") -> Markup:
    return Markup('<path class="{}" d="{}">{}</path>').format(cls, d, inside)


def titled(words: str) -> Markup:
    return Markup("<title>{}</title>").format(words)


def drawing(width: float, height: float, key: str, title: str, desc: str, parts: Iterable[Markup], cls: str) -> Markup:
    """The whole picture, with its name and its meaning for those who do not see it. `key` is unique on the page."""
    return Markup(
        '<svg class="{cls}" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{key}-t {key}-d" focusable="false">'
        '<title id="{key}-t">{title}</title><desc id="{key}-d">{desc}</desc>{parts}</svg>'
    ).format(cls=cls, w=num(width), h=num(height), key=key, title=title, desc=desc, parts=Markup("").join(parts))


def mark(x: float, y: float, shape: int, cls: str, size: float = 4.5) -> Markup:
    """One point: circle, square, diamond, triangle, in turn for each laboratory."""
    if shape % 4 == 0:
        return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"></circle>').format(cls, num(x), num(y), num(size))
    if shape % 4 == 1:
        return rect(x - size, y - size, size * 2, size * 2, cls)
    up = size * 1.35
    if shape % 4 == 2:
        return path(f"M{num(x)} {num(y - up)}L{num(x + up)} {num(y)}L{num(x)} {num(y + up)}L{num(x - up)} {num(y)}z", cls)
    return path(f"M{num(x)} {num(y - up)}L{num(x + up)} {num(y + size)}H{num(x - up)}z", cls)


