class StackError(Exception):
    """The stack cannot run. The message is one line: why, and the cure."""
