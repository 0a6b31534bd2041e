"""How is an XDS.b registry asked, and a repository, and what do they answer? SOAP 1.2 as IHE ITI-18 and ITI-43 write it."""

import base64
import binascii
import html
import uuid
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from carerecord.connectors.documents_mtom import Parts
from carerecord.connectors.documents_xds_entry import NHS_OID, SNOMED_OID
from carerecord.connectors.safe_xml import Element
from carerecord.fhir.errors import Unreadable

FIND_DOCUMENTS: Final = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
QUERY_ACTION: Final = "urn:ihe:iti:2007:RegistryStoredQuery"
RETRIEVE_ACTION: Final = "urn:ihe:iti:2007:RetrieveDocumentSet"
APPROVED: Final = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"


class SoapFault(Unreadable):
    """The other end answers that it cannot."""


class Outcome(Struct, frozen=True):
    """What a registry or repository says of its own answer."""

    ok: bool
    partial: bool = False
    codes: tuple[str, ...] = ()  # error codes; the words beside them are shown to nobody

    @property
    def unknown_person(self) -> bool:
        return any("UnknownPatientId" in each for each in self.codes)

    @property
    def says(self) -> str:
        if any("TooManyResults" in each for each in self.codes):
            return "It holds more documents than it lists at once."
        if any("Busy" in each or "NotAvailable" in each or "OutOfResources" in each for each in self.codes):
            return "It says that it cannot answer just now."
        return "It says that not all of it could be sent." if self.partial else "It answered that it cannot."


def domain_of(number_system: str, knows_by: str) -> str:
    """The assigning authority under which the person is asked for."""
    return NHS_OID if knows_by == "nhs-number" else number_system.removeprefix("urn:oid:")


def find_documents(address: str, id_: str, domain: str, types: Iterable[str] = ()) -> bytes:
    """ITI-18, FindDocuments: everything approved about one person; with `types` (SNOMED CT) only such."""
    slots = [("$XDSDocumentEntryPatientId", f"'{_quoted(id_)}^^^&{domain}&ISO'"), ("$XDSDocumentEntryStatus", f"('{APPROVED}')")]
    if kinds := ",".join(f"'{_quoted(each)}^^{SNOMED_OID}'" for each in types):
        slots.append(("$XDSDocumentEntryTypeCode", f"({kinds})"))
    written = "".join(
        f'<rim:Slot name="{html.escape(name)}"><rim:ValueList><rim:Value>{html.escape(value, quote=False)}</rim:Value>'
        "</rim:ValueList></rim:Slot>"
        for name, value in slots
    )
    return _envelope(
        address, QUERY_ACTION,
        '<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" '
        'xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
        '<query:ResponseOption returnComposedObjects="true" returnType="LeafClass"/>'
        f'<rim:AdhocQuery id="{FIND_DOCUMENTS}">{written}</rim:AdhocQuery></query:AdhocQueryRequest>',
    )  # fmt: skip


def retrieve_document(address: str, repository: str, document: str) -> bytes:
    """ITI-43, one document."""
    return _envelope(
        address, RETRIEVE_ACTION,
        '<xdsb:RetrieveDocumentSetRequest xmlns:xdsb="urn:ihe:iti:xds-b:2007"><xdsb:DocumentRequest>'
        f"<xdsb:RepositoryUniqueId>{html.escape(repository)}</xdsb:RepositoryUniqueId>"
        f"<xdsb:DocumentUniqueId>{html.escape(document)}</xdsb:DocumentUniqueId>"
        "</xdsb:DocumentRequest></xdsb:RetrieveDocumentSetRequest>",
    )  # fmt: skip


def answered(envelope: Element, name: str) -> Element:
    """The answer of this name in a SOAP envelope.

    Raises:
        SoapFault: it says that it cannot. Its words are not repeated.
        Unreadable: it is no envelope, or holds another answer.
    """
    body = envelope.first("Body") if envelope.name == "Envelope" else None
    if body is None:
        raise Unreadable("the answer is no SOAP message")
    if body.first("Fault") is not None:
        raise SoapFault("the answer is a SOAP fault")
    found = body.first(name)
    if found is None:
        raise Unreadable("the SOAP message holds another answer than was asked for")
    return found


def outcome_of(response: Element) -> Outcome:
    """Of an AdhocQueryResponse, or of the RegistryResponse of a repository."""
    status = response.attributes.get("status", "").rpartition(":")[2]
    errors = [each for each in response.within("RegistryError") if "Warning" not in each.attributes.get("severity", "")]
    codes = tuple(each.attributes.get("errorCode", "") for each in errors)
    partial = status == "PartialSuccess" or (status == "Success" and bool(errors))
    return Outcome(status == "Success" and not errors, partial, codes)


def document_in(response: Element, parts: Parts, repository: str, document: str) -> tuple[bytes, str]:
    """The bytes and the media type of the document that was asked for.

    Raises:
        Unreadable: another document came, or none.
    """
    for each in response.all("DocumentResponse"):
        which = tuple(_text(each.first(name)) for name in ("RepositoryUniqueId", "DocumentUniqueId"))
        if which != (repository, document):
            raise Unreadable("another document came than was asked for")
        inside = each.first("Document")
        if inside is None:
            break
        return _bytes(inside, parts), _text(each.first("mimeType")).lower()
    raise Unreadable("no document came")


def _bytes(document: Element, parts: Parts) -> bytes:
    include = document.first("Include")
    if include is not None:
        id_ = include.attributes.get("href", "").removeprefix("cid:")
        if id_ not in parts.by_id:
            raise Unreadable("the document is not in the message that speaks of it")
        return parts.by_id[id_]
    try:
        return base64.b64decode("".join(document.text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("the document inside is not written in base64") from None


def _envelope(address: str, action: str, body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{action}</a:Action><a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID>'
        "<a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{html.escape(address)}</a:To></s:Header><s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def _quoted(value: str) -> str:
    """A value inside the quotes of a stored query's parameter: a quote is written twice (ITI TF-2, 3.18.4.1.2.3.5)."""
    return value.replace("'", "''")


def _text(element: Element | None) -> str:
    return element.text.strip() if element else ""
