"""Kept here: who takes part, how each source is reached, what it shares and by which arrangement, from a folder of TOML files.
Nobody is asked. Nobody is heard."""
