"""Tests of the inventory, on real SQLite files."""
