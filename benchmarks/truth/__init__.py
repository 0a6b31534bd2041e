"""Sets of people of whom it is known who is who: `febrl` and `census` by others, `uk` by us. `export` fetches those by others."""
