"""The whole emulator, to start and to stop.

The class ``Emulator`` connects all rooms. The files beside it fill the state with the scenario and update the data
plane.
"""
