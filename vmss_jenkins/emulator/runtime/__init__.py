"""Where the state meets this machine.

Clocks of real, scaled and manual time, the thread that lets time pass, and downloads of files.
"""
