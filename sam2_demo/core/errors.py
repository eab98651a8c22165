"""The errors that the project raises on purpose; their text is written for the person who reads it.

    Sam2DemoError
    ├── InputError            what a person gave cannot be used
    │   ├── VideoError        a video or picture file
    │   ├── PromptError       a click, box or mask, or the frame or object it is for
    │   ├── DataError         a data set, or a file of it
    │   └── SettingError      a command-line option or a training setting
    ├── CheckpointError       weights that cannot be fetched or loaded
    ├── SessionExpired        the session was closed, by time or to make room
    ├── ResourceError         memory, disk or time ran out; what to change is said
    └── ExportError           a result could not be written

A message says what was wrong, the value, and what to do. Any other exception is
a fault of ours: it is logged with its traceback and the page shows one neutral sentence.
"""


class Sam2DemoError(Exception):
    """An error whose message may be shown to a person as it is.

    Attributes:
        code: A stable name in capitals, for programs and tests, such as ``"EMPTY_FILE"``.
    """

    code: str

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code or type(self).__name__


class InputError(Sam2DemoError):
    """What a person gave cannot be used."""


class VideoError(InputError):
    """A video or picture file cannot be used."""


class PromptError(InputError):
    """A click, box or mask cannot be used, or the frame or object that it is for."""


class DataError(InputError):
    """A data set, or a file of it, cannot be used; the message names the path."""


class SettingError(InputError):
    """A command-line option or a setting is unknown or out of range."""


class CheckpointError(Sam2DemoError):
    """Weights cannot be fetched, read, or do not fit the architecture."""


class SessionExpired(Sam2DemoError):
    """The session is closed; the video has to be opened again."""


class ResourceError(Sam2DemoError):
    """Memory, disk or time ran out."""


class ExportError(Sam2DemoError):
    """A result could not be written."""
