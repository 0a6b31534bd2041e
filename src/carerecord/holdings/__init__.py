"""Kept here: FHIR resources, every version once, sealed and led by the patient in whose record they lie, and the narrow index
that finds them; and what lies over a record as its person objects, as it is told. Nobody is asked. Nobody is heard; each write is told by ids alone."""
