"""Plugins of ours under foreign hosts, and foreign plugins under our gateway."""
