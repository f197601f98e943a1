"""Seeing what a network does."""
