"""The database: its schema, its upgrades, its grants, what each call costs."""
