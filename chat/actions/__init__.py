"""Every durable write, by noun: the storage call, and the event that announces it."""
