"""The state file.

The journal of the requests that changed something, and how they are replayed into a new emulator.
"""
