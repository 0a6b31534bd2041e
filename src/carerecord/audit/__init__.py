"""Kept here: the book of who saw what, when and why, in ids alone, only ever added to, each line sealed to all before it. Nobody
is asked. Heard: everybody, for lines stand in the outbox of the service that answered; a look at the book is written here at
once."""
