"""The shape of what clients send and get, by noun. Schemas check and describe; they never ask the database."""
