"""Nothing is kept here: rules in TOML are judged anew for every opening, search and read, and the rule that decided is named.
Asks consent what the person has said, and sources to whom each section is open. Nobody is heard."""
