"""Faults that a user can inject, as values.

The kinds of faults, how they are written, and when each strikes. Pure: ``front.fault_injector`` and the rules of the
providers carry them out.
"""
