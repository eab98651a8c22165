"""The errors that the project raises on purpose, with messages written for its users.

    Sam2DemoError
    ├── InputError            the input cannot be used
    │   ├── VideoError        a video or image file
    │   ├── PromptError       a click, box or mask, or its frame or object
    │   ├── DataError         a data set, or one of its files
    │   ├── SettingError      a command-line option or a training setting
    │   └── ProjectError      a task, a verdict or a person's rights in an annotation project
    ├── CheckpointError       weights that cannot be fetched or loaded
    ├── SessionExpired        the session timed out, or was closed to make room
    ├── ResourceError         memory, disk space or time ran out
    └── ExportError           a result could not be written

A message says what was wrong, the value, and what to do about it. Any other exception is a bug: it
is logged with its traceback, and the page shows one neutral sentence.
"""


class Sam2DemoError(Exception):
    """An error whose message may be shown to the user as it is.

    Attributes:
        code: A stable identifier for programs and tests, such as ``"EMPTY_FILE"``.
    """

    code: str

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code or type(self).__name__


class InputError(Sam2DemoError):
    """The input cannot be used."""


class VideoError(InputError):
    """A video or image file cannot be used."""


class PromptError(InputError):
    """A click, box or mask cannot be used, or there is no such frame or object."""


class DataError(InputError):
    """A data set, or one of its files, cannot be used; the message names the path."""


class SettingError(InputError):
    """A command-line option or a setting is unknown or out of range."""


class ProjectError(InputError):
    """A project refuses something: a task is another person's, or a right is missing."""


class CheckpointError(Sam2DemoError):
    """Weights cannot be fetched or read, or do not match the architecture."""


class SessionExpired(Sam2DemoError):
    """The session has ended; the video has to be opened again."""


class ResourceError(Sam2DemoError):
    """Memory, disk space or time ran out; the message says what to change."""


class ExportError(Sam2DemoError):
    """A result could not be written."""
