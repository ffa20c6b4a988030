"""What follows from a score."""

from enum import Enum


class Decision(str, Enum):
    """What follows from a score. It equals its value, such as "reject"."""

    GOOD = "good"
    """The score is at most the review threshold."""
    REVIEW = "review"
    """A person should inspect the part."""
    REJECT = "reject"
    """The score is above the image threshold."""

    def __str__(self) -> str:
        return self.value


Decision.__module__ = "anoseg"
