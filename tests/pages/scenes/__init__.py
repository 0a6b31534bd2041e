"""The people of six scenes as records: what the screen must show is written in the tests that use them."""

from tests.pages.scenes.colin import colin
from tests.pages.scenes.edith import edith
from tests.pages.scenes.harold import harold
from tests.pages.scenes.others import gwendolyn, leanne, mismatched, receptionist

__all__ = ["colin", "edith", "gwendolyn", "harold", "leanne", "mismatched", "receptionist"]
