"""Tests of trustctl.commands, through the command line."""
