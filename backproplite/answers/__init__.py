"""What is said where something is wrong: imported at that moment, and not before."""
