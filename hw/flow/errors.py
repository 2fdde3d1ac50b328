"""What can go wrong in the flow, in words for the user."""

__all__ = ["FlowError", "FlowTimeoutError", "MissingToolError"]


class FlowError(RuntimeError):
    """A step of the flow failed; the message says which, and why."""


class MissingToolError(FlowError):
    """A tool is not installed; the message says what installs it."""


class FlowTimeoutError(FlowError):
    """A step took longer than it was given.

    Parameters
    ----------
    message : str
    log : str
        What the tool had said.
    """

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log
