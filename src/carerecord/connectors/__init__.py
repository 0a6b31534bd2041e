"""The windows: how to speak to each kind of system outside. What comes in through one is typed, capped and never trusted."""
