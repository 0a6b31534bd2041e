"""Where does a person's information lie: pointers, learned from enrolment (ingest) and from answers (records). The truth kept
here is which source knows which id, by which id of its own, and which sections it held when it last answered. Nobody is asked.
Heard: holdings, of what has come from a source since. A merge or its undoing is not: it changes which ids are asked together, and
no pointer.
"""
