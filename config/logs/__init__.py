"""How the log reads, what it may not hold, and how the lines of one request are found (docs/logs.md)."""
