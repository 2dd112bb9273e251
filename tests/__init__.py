"""A package, so that `tests.postgrest` does not stand in for the package `postgrest` that supabase needs."""
