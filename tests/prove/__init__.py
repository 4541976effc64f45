"""Tests of trustctl.prove."""
