"""What an emulator starts with, as values.

Scale sets, releases, how long things take, and all of these as text for the command line. Pure.
"""
