"""Where identity keeps what it keeps: sessions, and clients with their tokens."""
