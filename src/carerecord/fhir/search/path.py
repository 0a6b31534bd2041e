"""How is a FHIRPath expression of a search parameter evaluated fast? Compiled once, to steps over plain JSON (`steps`).

The subset that the official R4 parameters use, and no more: paths, indexes, `|`, `as` and `ofType` on choices, `where(x = 'y')`,
`where(resolve() is Type)`, `exists()`, `!=` with a boolean, and `%resource` in composites. Every name is held against the
definitions of the type when it is compiled: an expression that would silently find nothing stops the start instead.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from carerecord.fhir.errors import FhirError
from carerecord.fhir.search.steps import (
    AtPlace,
    Both,
    Branch,
    Child,
    Equal,
    Exists,
    Find,
    IsNot,
    Itself,
    Part,
    RefersTo,
    finding,
)

_TOKEN: Final = re.compile(r"\s*(?:%?[A-Za-z_]\w*|'(?:[^'\\]|\\.)*'|\d+|!=|[.()|=\[\]])")
# FHIR's names for the types of choices, where an expression writes them otherwise than the element does.
_SUFFIX: Final = {
    "string": "String", "dateTime": "DateTime", "date": "Date", "boolean": "Boolean", "integer": "Integer", "decimal": "Decimal",
    "uri": "Uri", "canonical": "Canonical", "code": "Code", "instant": "Instant", "time": "Time",
}  # fmt: skip


class CannotCompile(FhirError):
    """An expression outside the subset, or about an element that its type does not have."""


class Shapes:
    """The elements of each type, from HL7's schema: what may follow a name."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def __contains__(self, type_: str) -> bool:
        return type_ in self._definitions

    def names(self, type_: str, name: str) -> dict[str, str]:
        """The JSON names under which an element may stand, each with its type; a choice has several. {} = no such element."""
        properties = self._definitions.get(type_, {}).get("properties", {})
        if name in properties:
            return {name: _type_of(properties[name])}
        choice = re.compile(re.escape(name) + r"[A-Z]\w*\Z")
        return {each: _type_of(node) or each[len(name) :] for each, node in properties.items() if choice.match(each)}


def _type_of(node: Any) -> str:
    if not isinstance(node, dict):
        return ""
    if "$ref" in node:
        return str(node["$ref"]).removeprefix("#/definitions/")
    return _type_of(node.get("items")) or next((found for each in node.get("anyOf", ()) if (found := _type_of(each))), "")


def branches(expression: str, type_: str, shapes: Shapes, *, start: str = "") -> tuple[Branch, ...]:
    """How the values of `expression` are found in a resource of `type_`; () where the expression does not speak of that type.

    `start`: for a component of a composite, the path of the element that it is relative to.

    Raises:
        CannotCompile: the subset does not hold it.
    """
    return _Compiler(expression, type_, shapes, start).whole()


def compiled(expression: str, type_: str, shapes: Shapes, *, start: str = "") -> Find | None:
    """What finds the values of `expression`, as `branches` does; with a `start` it is given that element."""
    return finding(branches(expression, type_, shapes, start=start))


def compiled_with_members(
    expression: str, type_: str, shapes: Shapes, *, start: str = ""
) -> tuple[Find | None, frozenset[str], tuple[Branch, ...]]:
    """What `compiled` gives, the members of the resource at which it looks, and the branches that it was made of."""
    compiler = _Compiler(expression, type_, shapes, start)
    sides = compiler.whole()
    return finding(sides), frozenset(compiler.members), sides


def resting_type(expression: str, type_: str, shapes: Shapes) -> tuple[str, ...]:
    """The types of what `expression` finds in a resource of `type_`: where a composite's components start from."""
    compiler = _Compiler(expression, type_, shapes, "")
    compiler.whole()
    return tuple(dict.fromkeys(compiler.ends))


class _Compiler:
    def __init__(self, expression: str, type_: str, shapes: Shapes, start: str) -> None:
        self._text, self._type, self._shapes, self._start = expression, type_, shapes, start
        self._tokens = self._read(expression)
        self._at = 0
        self.ends: list[str] = []
        self.members: set[str] = set()

    def whole(self) -> tuple[Branch, ...]:
        found = []
        while True:
            branch = self._branch()
            if branch is not None:
                found.append(tuple(branch))
            if not self._take("|"):
                break
        if self._at < len(self._tokens):
            self._stop(f"does not understand {self._tokens[self._at]!r}")
        return tuple(found)

    def _branch(self) -> list[Part] | None:
        """One side of a union; None when it is about another type. It is read to its end either way."""
        if self._take("("):
            steps = self._branch()
            if self._take("as"):
                steps = self._as(steps, self._name())
            self._must(")")
            return self._tail(steps)
        name = self._name()
        if name == "%resource":
            return self._tail([Itself()], [self._type])
        # Relative to where we start: a component of a composite, and one parameter that leaves out its type.
        if self._start or (name not in self._shapes and self._shapes.names(self._type, name)):
            return self._tail(self._child([], [self._start or self._type], name), self.ends_now)
        mine = name in (self._type, "Resource", "DomainResource")
        return self._tail([] if mine else None, [self._type] if mine else [])

    def _tail(self, steps: list[Part] | None, types: list[str] | None = None) -> list[Part] | None:
        self.ends_now = types if types is not None else getattr(self, "ends_now", [self._type])
        while True:
            if self._take("."):
                steps = self._part(steps)
            elif self._take("["):
                place = int(self._next())
                self._must("]")
                if steps is not None:
                    steps = [*steps, AtPlace(place)]
            elif self._take("as"):
                steps = self._as(steps, self._name())
            elif self._take("and"):
                # "X.exists() and X != false": true when there is one that is not the boolean false.
                other = self._branch()
                steps = None if steps is None or other is None else [Both(tuple(steps), tuple(other))]
            elif self._take("!="):
                word = self._next()
                if word not in ("true", "false"):
                    self._stop("compares with booleans only")
                if steps is not None:
                    steps = [*steps, IsNot(word == "true")]
            else:
                if steps is not None:
                    self.ends += self.ends_now
                return steps

    def _part(self, steps: list[Part] | None) -> list[Part] | None:
        name = self._name()
        if not self._take("("):
            return None if steps is None else self._child(steps, self.ends_now, name)
        made: Part
        if name == "where":
            made = self._where(steps is not None)
        elif name == "ofType":
            type_ = self._name()
            self._must(")")
            return self._as(steps, type_)
        elif name == "exists":
            made = Exists()
        else:
            self._stop(f"has no function {name}")
        self._must(")")
        return None if steps is None else [*steps, made]

    def _where(self, mine: bool) -> Part:
        name = self._name()
        if name == "resolve":
            self._must("(")
            self._must(")")
            self._must("is")
            self.members.add("contained")  # where "#1" points
            return RefersTo(self._name())
        self._must("=")
        wanted = self._next()
        if not wanted.startswith("'"):
            self._stop("compares with texts only")
        if mine and not any(self._shapes.names(each, name) for each in self.ends_now):
            self._stop(f"asks for {name}, which {' or '.join(self.ends_now)} does not have")
        return Equal(name, wanted[1:-1])

    def _child(self, steps: list[Part], types: list[str], name: str) -> list[Part]:
        names: dict[str, str] = {}
        for each in types:
            names |= self._shapes.names(each, name)
        if not names and name not in ("resource",):
            self._stop(f"asks for {name}, which {' or '.join(types) or 'nothing'} does not have")
        self.ends_now = list(dict.fromkeys(names.values()))
        # What a choice found may be narrowed by a type that comes next, so the names are kept beside.
        self._choice = names
        if not steps or steps == [Itself()]:
            self.members |= names.keys()
        return [*steps, Child(tuple(names))]

    def _as(self, steps: list[Part] | None, type_: str) -> list[Part] | None:
        if steps is None:
            return None
        suffix = _SUFFIX.get(type_, type_)
        kept = {name: found for name, found in self._choice.items() if name.endswith(suffix)}
        if len(self._choice) == 1 and type_ in self._choice.values():
            kept = dict(self._choice)  # no choice after all: an element that is always of this type
        if not kept:
            self._stop(f"asks for a {type_}, which is none of {', '.join(self._choice)}")
        self.ends_now = list(dict.fromkeys(kept.values()))
        return [*steps[:-1], Child(tuple(kept))]

    @staticmethod
    def _read(text: str) -> list[str]:
        tokens, at = [], 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise CannotCompile(f"search parameter expression {text!r}: does not understand {text[at:]!r}")
            tokens.append(found.group().strip())
            at = found.end()
        return tokens

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            self._stop("ends too soon")
        self._at += 1
        return self._tokens[self._at - 1]

    def _name(self) -> str:
        name = self._next()
        if not re.match(r"%?[A-Za-z_]", name):
            self._stop(f"expects a name before {name!r}")
        return name

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _must(self, token: str) -> None:
        if not self._take(token):
            self._stop(f"expects {token!r}")

    def _stop(self, why: str) -> NoReturn:
        raise CannotCompile(f"search parameter expression {self._text!r} for {self._type}: {why}")
