"""Tests of trustctl.policy."""
