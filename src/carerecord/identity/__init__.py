"""Kept here: who is signed in, in which role, and until when. Every organisation signs its own people in; here is no password.

Asked: nobody of ours; the identity providers that the registry names, over HTTPS. Heard: nobody.
"""
