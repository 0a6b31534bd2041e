"""How is an XDS.b registry asked for one person's documents, and a repository for one of them?"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from yarl import URL

from carerecord.connectors.documents_mtom import SOAP, packed, unpacked
from carerecord.connectors.documents_xds_entry import place_of, reference_of, said_of
from carerecord.connectors.documents_xds_messages import (
    QUERY_ACTION,
    RETRIEVE_ACTION,
    SoapFault,
    answered,
    document_in,
    domain_of,
    find_documents,
    outcome_of,
    retrieve_document,
)
from carerecord.connectors.fhir_content import ANY_TYPE, checked
from carerecord.connectors.reply import Asking, Reply
from carerecord.connectors.rest_json_take import as_json
from carerecord.connectors.safe_xml import PIECE_BYTES, Element, XmlReader
from carerecord.connectors.site import Site
from carerecord.connectors.talk import Lost, Talk, lost_by, refusal
from carerecord.connectors.web import Answered, Web
from carerecord.connectors.web_trouble import NoAnswer, NotThere, WebTrouble
from carerecord.connectors.windows import Content, One
from carerecord.fhir.bundle import Bundle, Entry, Faulty
from carerecord.fhir.codes import dict_in, dicts_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.plans import DOCUMENT_CODES
from carerecord.kit.turns import Turn, Turns

HELD: Final = frozenset({"documents", "plans"})
_TYPE: Final = "DocumentReference"


class XdsTalk(Talk):
    """One registry, one person, one opening."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.references: dict[str, tuple[bytes, Element]] = {}  # by id: as R4, and as its registry sent it

    async def through(self) -> Reply:
        source, asking = self._source, self._asking
        ids = asking.local_ids or ((asking.expected.nhs_number,) if source.knows_by == "nhs-number" else ())
        ids = tuple(filter(None, ids))
        if not ids:
            return Reply(source, "none held", "It does not know this person.")
        wanted = asking.sections & HELD
        self._lose(asking.sections - HELD, Lost("not shared", "It holds documents alone."))
        known = [await self._found(id_, wanted) for id_ in ids] if wanted else [True]
        if not any(known) and not self._lost.keys() & wanted:
            if asking.local_ids:
                self._unknown = True
                return self._reply(ids)
            return Reply(source, "none held", "It does not know this person.")
        async with self._turns.mine() as turn:
            await self._taken.finish(turn)
        return self._reply(ids)

    async def _found(self, id_: str, wanted: frozenset[str]) -> bool:
        """Take in what the registry lists; False when it says that it does not know the person."""
        source = self._source
        soap = find_documents(
            source.address, id_, domain_of(source.number_system, source.knows_by),
            DOCUMENT_CODES if wanted == {"plans"} else (),
        )  # fmt: skip
        try:
            got = await self._patiently(lambda: self._post(soap))
            if not got.ok and not got.content_type.startswith((SOAP, "multipart/", "application/xml", "text/xml")):
                raise NoAnswer(refusal(got.status))
            async with self._turns.mine() as turn:
                parts = unpacked(got.content_type_line, got.body)
                response = answered(await _tree(parts.root, turn), "AdhocQueryResponse")
                outcome = outcome_of(response)
                if not outcome.ok and not outcome.partial:
                    if outcome.unknown_person:
                        self._answered += 1
                        return False
                    self._lose(wanted, Lost("no answer", outcome.says))
                    return True
                self._answered += 1
                if outcome.partial:
                    self._lose(wanted, Lost("incomplete", outcome.says))
                listed = response.first("RegistryObjectList")
                entries = listed.all("ExtrinsicObject") if listed else []
                await self._take(entries, wanted, turn)
        except WebTrouble as trouble:
            self._lose(wanted, lost_by(trouble))
        except SoapFault:
            self._lose(wanted, Lost("no answer", "It answered that it cannot."))
        except Unreadable as fault:
            self._lose(wanted, Lost("unreadable", f"Its answer cannot be read: {fault.reason}."))
        else:
            return bool(entries) or bool(self._asking.local_ids)
        return True

    async def _take(self, entries: list[Element], wanted: frozenset[str], turn: Turn) -> None:
        sound, faulty = [], []
        for place, entry in enumerate(entries):
            reference = reference_of(entry)
            said = said_of(entry)
            if said is not None and said not in self._taken.said:
                self._taken.said.append(said)
            if reference.get("id"):
                raw = as_json(reference)
                self.references[str(reference["id"])] = raw, entry
                sound.append(Entry(_TYPE, str(reference["id"]), raw))
            else:
                faulty.append(Faulty(place, "a document entry without an id", b""))
            await turn.over()
        await self._taken.page(Bundle("searchset", tuple(sound), (), tuple(faulty)), _TYPE, turn)
        if faulty:
            self._lose(wanted, Lost("incomplete", f"{len(faulty)} of {len(entries)} could not be read."))

    def one(self, id_: str) -> One | None:
        """A listed document: as R4, and in the registry's own words, as names and values."""
        if id_ not in self.references:
            return None
        raw, entry = self.references[id_]
        return One(raw, msgspec.json.format(as_json({entry.name: entry.plain}), indent=2).decode())

    async def _post(self, soap: bytes) -> Answered:
        return await self._web.post(
            self._site, URL(self._source.address), body=soap, kind=f'{SOAP}; charset=UTF-8; action="{QUERY_ACTION}"',
            accept=f"{SOAP}, multipart/related", until=self._until, most_bytes=self._bytes_left,
        )  # fmt: skip


async def document(web: Web, turns: Turns, about: Asking, reference: Mapping[str, Any], until: float) -> Content:
    """One document from the repository that its entry names.

    Raises:
        WebTrouble: it did not come. Unreadable: it is not the one that the registry lists.
    """
    source = about.source
    repository, number = place_of(reference)
    address = next((each.address for each in source.repositories if each.id == repository), "")
    if not address:
        raise NotThere("It lies in a repository whose address is not known here.")
    kind, body = packed(retrieve_document(address, repository, number), RETRIEVE_ACTION)
    site = Site(address, source.token_address, source.client_id, source.credentials, source.ca_file)
    got = await web.patiently(
        lambda: web.post(
            site, URL(address), body=body, kind=kind, accept="multipart/related, " + SOAP, until=until,
            most_bytes=source.most_bytes,
        ),
        until=until,
    )  # fmt: skip
    if not got.ok:
        raise NoAnswer(refusal(got.status))
    async with turns.mine() as turn:
        parts = unpacked(got.content_type_line, got.body)
        response = answered(await _tree(parts.root, turn), "RetrieveDocumentSetResponse")
        told = response.first("RegistryResponse")
        if told is None or not outcome_of(told).ok:
            raise NotThere("Its repository did not hand the document over.")
        content, type_ = document_in(response, parts, repository, number)
    contents = dicts_in(dict(reference), "content")
    return checked(Content(content, type_ or ANY_TYPE), dict_in(contents[0], "attachment") if contents else {})


async def _tree(body: bytes, turn: Turn) -> Element:
    reader = XmlReader()
    for start in range(0, len(body), PIECE_BYTES):
        reader.feed(body[start : start + PIECE_BYTES])
        await turn.over()
    return reader.root()
