"""Kept here: who is signed in, in which role, until when, and which organisations' providers sign people in.
No password is known here. Nobody of ours is asked; outside, the identity providers that the registry names. Nobody is heard.
"""
