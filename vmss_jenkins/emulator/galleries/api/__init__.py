"""The HTTP side of compute galleries: routes, what answers them, and the state as the JSON that Azure shows."""
