"""Parts of Azure Resource Manager's answers that all providers share.

Errors, times, statuses, names of providers, shapes of bodies, secrets, roles and throttling: pure values and rules
without state.
"""
