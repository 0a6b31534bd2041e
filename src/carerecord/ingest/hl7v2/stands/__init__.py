"""How the facts of one resource become that resource, by type. No truth is kept here and nobody is asked."""
