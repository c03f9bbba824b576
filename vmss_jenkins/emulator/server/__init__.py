"""The emulator as one thing to start and stop.

The class ``Emulator`` puts everything together; the files beside it fill it by the scenario and keep the data plane
in step.
"""
