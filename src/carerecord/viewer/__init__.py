"""The pages that clinicians, their colleagues and administrators see. No truth is kept here, neither in memory nor in a store.
Asked: identity, patients, records, sources, ingest, audit, policy, consent. Heard: nobody."""
