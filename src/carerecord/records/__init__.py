"""The one way to read a person's record. No clinical truth is kept here: patients is asked who, locator where, sources who takes
part, policy what may be seen; then the sources themselves are asked, and holdings for what is kept of them, and what they say is
merged, written down and handed over. Nobody is heard. Its database holds its outbox alone.
"""
