"""The pretend region's machines: FHIR systems with habits, identity providers, the PDS, the tour. All speak real HTTP.

Nothing here knows carerecord's insides: what it serves could stand on the other side of a country.
"""
