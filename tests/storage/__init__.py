"""The drivers, the embedded PostgreSQL, and a database that fails."""
