"""The tests, by what they are about; `support` is what they share."""
