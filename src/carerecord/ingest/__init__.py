"""The one way to write. It begins with one room, enrolment: a source's people, page by page, into the index and the locator.
The truth kept here is how far each source has been gone through, which entries could not be read (by reference, never by
content), and which numbers wait to be traced. Asked: sources, patients, locator. Heard: nobody.
"""
