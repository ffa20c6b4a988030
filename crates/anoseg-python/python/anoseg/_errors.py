"""Errors, by who can mend them."""


class Error(Exception):
    """What this package raises."""


class DataError(Error):
    """Images or folders are bad."""


class ArgumentError(Error, ValueError):
    """An argument is out of range, or does not fit."""


class ModelError(Error):
    """A model file is bad."""


class ResourceError(Error):
    """A file cannot be read or written, or the system gives no threads."""


class BugError(Error):
    """A fault of anoseg; please report it."""


for _class in (Error, DataError, ArgumentError, ModelError, ResourceError, BugError):
    _class.__module__ = "anoseg"
del _class
