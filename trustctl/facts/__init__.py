"""Frozen facts that every layer shares, and the one certificate parser."""
