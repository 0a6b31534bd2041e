"""The FHIR R4 API, for systems and apps. No truth is kept here; each answer is spliced from the bytes that holdings kept.
Asked: identity, holdings; patients for who somebody might be, records for one that is drawn from its sources, ingest to take a
message in, consent for what a person has said, policy for what that keeps back from systems, audit for who looked, subscriptions
for who waits to be told. Heard: nobody."""
