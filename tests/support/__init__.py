"""Fakes and helpers that more than one test file uses."""
