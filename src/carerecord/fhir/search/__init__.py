"""What may a FHIR search ask, and does a resource answer it? The official R4 search parameters, compiled at start.

`path` compiles an expression to closures, `parameters` holds the parameters of each type, `values` says what a resource holds
under one, `query` reads what a client wrote, `match` decides. All of it is pure: where resources are kept, and which of them
need be looked at, is the store's affair.
"""
