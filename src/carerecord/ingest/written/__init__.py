"""People whom a source's own system writes by the FHIR API: how do they come into the index?"""
