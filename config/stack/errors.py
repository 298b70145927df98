"""Why a stack cannot run, or does not get on."""


class StackError(Exception):
    """The stack cannot run. The message is one line: why, and the cure."""


class StalledError(StackError):
    """The stack runs, and nothing has been indexed or learned for long."""
