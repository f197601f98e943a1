"""Model files: networks as bytes that are whole, checked, and hold no code."""

from .networks import load_network, refuse_unsavable, save_network
from .whole import read_file, write_file

__all__ = ["load_network", "read_file", "refuse_unsavable", "save_network", "write_file"]
