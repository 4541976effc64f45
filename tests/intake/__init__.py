"""Tests of trustctl.intake."""
