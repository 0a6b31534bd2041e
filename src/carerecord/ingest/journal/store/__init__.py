"""Every statement of the journal: `adding` before the answer, `counting` for the book and the rhythm, `filing`, `queue`."""
