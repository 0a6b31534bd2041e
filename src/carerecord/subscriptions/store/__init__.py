"""What is remembered: which subscriptions there are, and what is still to be told."""
