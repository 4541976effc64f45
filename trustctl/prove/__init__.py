"""Proof that an installed MTA holds to the pins: partner and attackers played in a namespace."""
