"""The root error and its few children: the type of an error says who is at fault.

A refusal at a door is never an error (see :mod:`admission.rules`); an error means that the world is broken.
"""


class ThresholdError(Exception):
    """Root of all errors that Threshold raises on purpose; its text is fit to be shown to an operator."""


class PeerError(ThresholdError):
    """The other side sent something that cannot be right."""


class BadMessage(PeerError):
    """A message that cannot be understood: malformed, too large, of a future version."""


class BadSignature(PeerError):
    """A message whose signature does not fit the key of the one who says to have sent it."""


class ConfigError(ThresholdError):
    """A setting, file or import that a person has to correct; the text says where and how."""


class DiskError(ThresholdError):
    """The disk did not do what was asked: full, read-only, gone."""


class NetworkError(ThresholdError):
    """The other side could not be reached in time."""
