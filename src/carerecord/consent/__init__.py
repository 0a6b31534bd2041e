"""Kept here: what a person has said about sharing, section by section; added to and withdrawn, never deleted. Nobody is asked.
Nobody is heard."""
