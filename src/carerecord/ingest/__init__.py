"""The one way to write for systems that cannot be asked: they send; and a source's people are brought in page by page.
The truth kept here is every message as it came, sealed, and what of it still waits to be filed; what messages said of each
thing; how far each source has been gone through, which entries could not be read (by reference, never by content), and which
numbers wait to be traced; which people were written by the FHIR API and are not in the index yet. Asked: sources, patients,
locator, holdings, audit. Heard: holdings.
"""
