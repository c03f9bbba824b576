"""The state file.

A journal of the requests that changed something, and their replay into a new emulator.
"""
