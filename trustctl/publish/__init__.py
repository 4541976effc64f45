"""Generations on disk, and the real MTA: the only writer of targets."""
