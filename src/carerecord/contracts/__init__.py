"""The noticeboard: the shapes and the questions of every service, one file for each, and nothing that acts.

Both ends of a question import the same constant, so a door cannot drift from its callers. Shapes are frozen and hold only
immutable types; unknown fields are ignored, so that old and new can talk.
"""
