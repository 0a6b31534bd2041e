"""Tells systems that something changed which they wait for. The truth kept here: the subscriptions, sealed, and the notices that
are not delivered yet. Asked: holdings for which watches a resource answers, identity for what a client may still see, patients
for whose record it is, policy for whether it may be told. Heard: holdings. A notice carries ids, never clinical content."""
