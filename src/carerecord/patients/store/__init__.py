"""The memory of the patient index: entries `kept` and their sets, `reviews` with what humans found, `finding` for search."""
