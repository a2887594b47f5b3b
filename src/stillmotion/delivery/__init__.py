"""Bring notices to their receivers: each one is kept until its receiver has it."""
