"""How does FHIR knowledge say that something cannot be used? Reasons only: never a number, a name or clinical text."""


class FhirError(ValueError):
    """Something received is not what FHIR says it should be. `reason` is safe to show and to log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotAnNhsNumber(FhirError):
    """Wrong length, a character that is no digit, or a check digit that disagrees."""


class Unreadable(FhirError):
    """A resource, or a whole answer, that cannot be understood safely; the bytes themselves are kept elsewhere."""


class NotABundle(Unreadable):
    """Well-formed JSON, or something else entirely, that is no FHIR Bundle of a kind that holds answers."""
