"""What exists in the emulated subscription at this moment.

Plain state, and the backend that holds it with its time and its long-running operations. The rules that change the
state are the providers'.
"""
