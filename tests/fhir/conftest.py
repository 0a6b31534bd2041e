"""How patient are the property tests? Correctness alone is asked of them: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
