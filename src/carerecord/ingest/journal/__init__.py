"""What came, as it came, sealed: written before anything is answered, and never changed. And what of it still waits."""
