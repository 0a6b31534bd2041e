"""Kept here: FHIR resources, every version once, sealed and led by the patient in whose record they lie, and the narrow index
that finds them; and over which records an objection lies. Nobody is asked. Nobody is heard; each write is told by ids alone."""
