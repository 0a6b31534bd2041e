"""Kept here: who takes part, how each source is reached, what it shares and by which arrangement, from a folder of TOML files and
spreadsheets; to whom each section is open, what each probe found, and numbers of what openings saw. Nobody is asked. Nobody is
heard."""
