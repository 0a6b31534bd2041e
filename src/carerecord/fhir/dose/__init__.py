"""How is a medicine taken, in words? The source's own words first; ours, made from its coded dose, only where it sent none.

Order and wording: nhsconnect Dose Syntax Implementation, "dosage to narrative" and its logic (marked experimental there); numbers
and units by the Common User Interface's medication line (MEDi-022 to 027): 0.5 and never .5, no nought at the end, micrograms in
full. What is coded and cannot be said safely is never left out: "see the source" stands in its place.
"""
