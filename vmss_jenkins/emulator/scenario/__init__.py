"""The content with which an emulator starts, as values.

Scale sets, releases, durations, and all of these as text for the command line. Pure.
"""
