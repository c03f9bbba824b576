"""What Azure Resource Manager's answers are made of, whichever provider answers.

Errors, times, statuses, names of providers, shapes of bodies, what stays secret, roles and throttling: pure values
and rules that know no state.
"""
