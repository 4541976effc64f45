"""Tests of trustctl.publish."""
