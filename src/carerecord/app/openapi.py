"""What may be asked at the inner doors, said in no programming language? An OpenAPI 3.1 document, made from `contracts/`.

With it somebody can write a service in another language: every question with the JSON Schema of what is asked and answered, how
an answer in chunks is framed, how an error is said, which credential opens a door, and who has leave to knock.
"""

import ast
import importlib
import inspect
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from carerecord import __version__
from carerecord.app.catalogue import CATALOGUE, Service, callers_of
from carerecord.kit import errors, request
from carerecord.kit.calls import CALLER, FRAME, NO_SUCH_QUESTION, Spoken
from carerecord.kit.errors import CareRecordError
from carerecord.kit.question import Question, Stream

_ABOUT = f"""\
Each service stands behind an inner door. A question is put by POST to `/SERVICE/ask/WORD` with JSON of the shape asked; the
answer is 200 with JSON of the shape answered. Unknown fields are ignored by both sides, a field with a default may be left out,
null is not the same as left out. Texts are as their source wrote them.

**Credential.** The header `{CALLER}` is `CALLER:MAC`. MAC is the HMAC-SHA-256, in lower-case hex, of the caller's name under the
door's key: `door` in the output of `carerecord keys SERVICE`, in hex. The credentials that a service shows at other doors stand
ready in `credentials` there. A door answers those alone whom `x-callers` names.

**Order of refusals.** A credential that is not good: 403 `Refused`, fact `rule` = `door/credential`. A caller whom the catalogue
does not let ask: 403 `Refused`, `rule` = `door/catalogue`. An unknown word: 404 `NotFound` that says `{NO_SUCH_QUESTION}`
Its caller takes it for a service that is not replaced yet, and nothing for missing. A body that is not of the shape asked: 400
`NotUnderstood`. A fault of the service itself: 500 `CareRecordError`, or 503 `Unavailable` when its database does not answer;
neither tells anything of its inside.

**Errors** are JSON of the shape `Spoken`: `error` is the class, `says` one sentence for a person, `facts` text by name. No NHS
number, name or clinical text stands in one.

**Request id.** `{request.HEADER}`, 8 to 64 letters, digits and hyphens, is borne by every question that a request causes and is
sent back by the door. One that is anything else is replaced.

**An answer in chunks** (`x-stream: true`) is `application/octet-stream`: frames of one byte kind (0 a chunk, 1 an error), four
bytes length, big-endian, and that many bytes of JSON (`{FRAME.format}` as Python's struct says it). An empty chunk ends a whole
answer; an answer that ends without one was cut off. A caller who closes the connection stops the work.

**How to stop.** On SIGTERM a door takes no new connection, answers those it has for two and a half seconds with the header
`Connection: close`, and then ends. Callers let go of a connection that has been idle for two seconds. So one program can take the
place of another, on the same port, without a question lost.
"""


def openapi() -> dict[str, Any]:
    """The document. The same contracts give the same document, byte for byte once it is written."""
    asked = {each.name: questions_of(each) for each in CATALOGUE}
    shapes: list[Any] = [Spoken]
    for questions in asked.values():
        shapes += [shape for question in questions for shape in (question.asked, question.answered)]
    schemas, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    of = {repr(shape): schema for shape, schema in zip(shapes, schemas, strict=True)}
    _with_remarks(components, shapes)
    paths: dict[str, Any] = {}
    for each in CATALOGUE:
        for question in asked[each.name]:
            paths[f"/{each.name}/ask/{question.word}"] = {"post": _operation(question, of)}
        paths |= _about_itself(each.name, f"/{each.name}")
    paths |= _about_itself("the-process", "")  # several services may share one
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "carerecord: the questions of its services",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": _ABOUT,
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [
            {
                "url": "http://{host}:{port}",
                "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "8000"}},
            }
        ],
        "tags": [
            *({"name": each.name, "description": _paragraph(each)} for each in CATALOGUE),
            {"name": "the-process", "description": "What all that live in one process say together."},
        ],
        "security": [{"caller": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {kind.__name__: _error(kind) for kind in _kinds()},
            "headers": {"request": {"schema": {"type": "string"}, "description": "The request id, given or made."}},
            "securitySchemes": {
                "caller": {"type": "apiKey", "in": "header", "name": CALLER, "description": "CALLER:MAC, see above."}
            },
        },
    }


def written() -> str:
    """The document as it lies in docs/reference/openapi.json."""
    return msgspec.json.format(msgspec.json.encode(openapi()), indent=1).decode() + "\n"


def questions_of(service: Service) -> tuple[Question[Any, Any], ...]:
    """The questions of its contract, in the order in which they stand there; none for a face."""
    try:
        contract = importlib.import_module(f"carerecord.contracts.{service.name}")
    except ModuleNotFoundError:
        return ()
    return tuple(value for value in vars(contract).values() if isinstance(value, Question) and value.service == service.name)


def _operation(question: Question[Any, Any], of: Mapping[str, Any]) -> dict[str, Any]:
    streams = isinstance(question, Stream)
    answered = of[repr(question.answered)]
    content = (
        {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "x-chunk": answered}}
        if streams
        else {"application/json": {"schema": answered}}
    )
    said = _said_of(question)
    return {
        "operationId": question.name,
        "tags": [question.service],
        **({"description": said} if said else {}),
        "x-callers": sorted(callers_of(question.service)),
        "x-stream": streams,
        "requestBody": {"required": True, "content": {"application/json": {"schema": of[repr(question.asked)]}}},
        "responses": {
            "200": {
                "description": "Frames of chunks." if streams else "The answer.",
                "headers": {request.HEADER: {"$ref": "#/components/headers/request"}},
                "content": content,
            },
            **{str(kind.status): {"$ref": f"#/components/responses/{kind.__name__}"} for kind in _kinds()},
        },
    }


def _about_itself(name: str, at: str) -> dict[str, Any]:
    """What every door says to whoever runs it, without a credential."""

    def get(word: str, says: str, media: str, **more: Any) -> dict[str, Any]:
        schema = {"type": "object" if "json" in media else "string"}
        answered = {"200": {"description": says, "content": {media: {"schema": schema}}}}
        operation = f"{name}.{word}"
        return {"get": {"operationId": operation, "tags": [name], "security": [], "responses": answered | more}}

    not_ready = {"503": {"description": "Not ready: `missing` says in words what it lacks."}}
    return {
        f"{at}/health/live": get("live", "It runs.", "application/json"),
        f"{at}/health/ready": get("ready", "It can answer.", "application/json", **not_ready),
        f"{at}/metrics": get("metrics", "Prometheus text.", "text/plain"),
    }


def _error(kind: type[CareRecordError]) -> dict[str, Any]:
    schema = {"allOf": [{"$ref": "#/components/schemas/Spoken"}, {"properties": {"error": {"const": kind.__name__}}}]}
    return {"description": inspect.getdoc(kind) or "", "content": {"application/json": {"schema": schema}}}


def _kinds() -> tuple[type[CareRecordError], ...]:
    """One class of error for each status that a caller can meet; what a setting says at start is said to no caller."""
    found: list[type[CareRecordError]] = [CareRecordError, *CareRecordError.__subclasses__()]
    own = [kind for kind in found if kind.__module__ == errors.__name__ and kind is not errors.BadSetting]
    return tuple(sorted(own, key=lambda kind: kind.status))


def _paragraph(service: Service) -> str:
    module = importlib.import_module(f"carerecord.{service.name}")
    return " ".join((module.__doc__ or "").split())


# --- what the contracts say beside a field or a question is part of the contract


def _with_remarks(components: dict[str, Any], shapes: list[Any]) -> None:
    for kind in _structs(shapes):
        # Where two contracts have a shape of one name, each bears its contract's name too.
        schema = components.get(kind.__name__) or components.get(f"{kind.__module__}.{kind.__name__}", {})
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
        fields = schema.get("properties", {})
        text = inspect.cleandoc("\n" + inspect.getsource(kind))
        for name, said in remarks(text, ast.parse(text).body[0].body).items():  # type: ignore[attr-defined]
            if name in fields:
                fields[name] = {**fields[name], "description": said}


def _structs(shapes: list[Any]) -> Iterator[type[msgspec.Struct]]:
    """Every struct that these types are made of, each once."""
    seen: set[type] = set()
    waiting = [msgspec.inspect.type_info(shape) for shape in shapes]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            yield info.cls
            waiting += [each.type for each in info.fields]
        inner = (getattr(info, each, None) for each in ("item_type", "key_type", "value_type"))
        waiting += [each for each in inner if isinstance(each, msgspec.inspect.Type)]
        waiting += [*getattr(info, "types", ()), *getattr(info, "item_types", ())]


def _said_of(question: Question[Any, Any]) -> str:
    """What the contract says beside the question's name."""
    contract = importlib.import_module(f"carerecord.contracts.{question.service}")
    text = inspect.getsource(contract)
    name = next(name for name, value in vars(contract).items() if value is question)
    return remarks(text, ast.parse(text).body).get(name, "")


def remarks(text: str, body: Sequence[ast.stmt]) -> dict[str, str]:
    """What stands in a source beside each name that is set there, or on lines of its own above it."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {token.start[0]: token for token in tokens if token.type == tokenize.COMMENT}
    lines = text.splitlines()
    found: dict[str, str] = {}
    for node in body:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if not isinstance(target, ast.Name):
            continue
        said = [comments[node.lineno].string] if node.lineno in comments else []
        above = node.lineno - 1
        while above in comments and lines[above - 1].lstrip().startswith("#"):
            said.insert(0, comments[above].string)
            above -= 1
        if said:
            found[target.id] = re.sub(r"\s+", " ", " ".join(each.lstrip("# ") for each in said)).strip()
    return found
