"""Tests of trustctl.facts."""
