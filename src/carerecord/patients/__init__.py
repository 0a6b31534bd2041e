"""Who is who: identifiers, names, birth dates and places of people as each source states them, and the ids that are one person.
The truth kept here is which ids belong together, and every word by which a person may be found; names, birth dates, postcodes
and NHS numbers are kept nowhere else. Nobody is asked, nobody is heard. A patient id is one entry of one source; a merge is rows
of `link`, and so is its undoing (docs/adr/0040).
"""
