"""Tests of trustctl.wire."""
