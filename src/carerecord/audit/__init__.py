"""audit keeps the book: who saw what, when and why, in ids alone, only ever added to, each line sealed to all before it.

It asks nobody and hears everybody: lines come from the outboxes of the services that answered. A look at the book is a line of
the book too, written here before the answer leaves.
"""
