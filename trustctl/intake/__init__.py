"""The outside world's bytes, taken in: PEM, DER, openssl output, JSON Lines, CSV, dialogue."""
