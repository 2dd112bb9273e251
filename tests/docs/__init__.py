"""The documents, the settings and the layout agree with the code."""
