"""The one base of every exception this package raises on purpose."""


class WeirhouseError(Exception):
    """What went wrong, with the code that ``wh explain`` knows and what to do about it."""

    def __init__(self, message, code="", hint=""):
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint

    def __str__(self):
        text = f"[{self.code}] {self.message}" if self.code else self.message
        return f"{text} ({self.hint})" if self.hint else text
