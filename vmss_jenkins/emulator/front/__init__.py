"""The HTTP front end.

The server and its application, the resource manager that finds the route of a request, identity, the faults that
strike requests, and the emulator's own endpoints.
"""
