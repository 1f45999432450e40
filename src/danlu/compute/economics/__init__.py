"""Faults, power, money, scaling: what surrounds a run."""
