"""Reads one family of resources each: what a medicine, a result, an allergy, a plan, a contact says, as the facts a page shows.

No truth is kept and nobody is asked: `carerecord.fhir.reading` calls these with a parsed resource and what lies around it.
"""
