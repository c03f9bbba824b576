"""What can be made to go wrong, as values.

What each fault is, how it is written, and on which occasions it strikes. Pure: ``front.fault_injector`` and the rules
of the providers do what it says.
"""
