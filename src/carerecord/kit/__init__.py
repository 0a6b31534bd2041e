"""The plumbing that every service stands on: questions, doors, events, settings, logs. It knows nothing of health."""
