"""The parts that use this machine's time and network.

Real, scaled and manual clocks, the thread that lets time pass, and downloads of files.
"""
