"""Every durable write, by noun: the storage call, then the event that announces it."""
