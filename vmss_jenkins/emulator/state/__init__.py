"""The present state of the emulated subscription.

Plain state, and the backend with all of it, the time and the long-running operations. The rules that change the state
are in the rooms of the providers.
"""
