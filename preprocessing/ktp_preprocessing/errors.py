"""What can be wrong with an image before any model has seen it.

    ImageError
    ├── ImageFormatUnsupported       not one of the formats on the allow-list, or a variant nobody decodes
    ├── ImageCorrupt                 the format is right, the data are not: truncated, damaged
    ├── ImageTooLarge                more bytes than the limit
    └── ImageDimensionsOutOfRange    fewer or more pixels than the limits

Each carries the reason code that clients see and a plain message that names no content of the image.
"""

from typing import ClassVar

__all__ = ["ImageCorrupt", "ImageDimensionsOutOfRange", "ImageError", "ImageFormatUnsupported", "ImageTooLarge"]


class ImageError(Exception):
    """An image that cannot be used; the caller should send another one.

    Attributes:
        reason: the code that clients see, one per subclass.
        message: one plain sentence, safe to show and to log.
    """

    reason: ClassVar[str] = "IMAGE_CORRUPT"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ImageFormatUnsupported(ImageError):
    """The bytes are no JPEG, PNG or BMP, or a variant of them that is refused."""

    reason: ClassVar[str] = "IMAGE_FORMAT_UNSUPPORTED"


class ImageCorrupt(ImageError):
    """The bytes start like an image of a known format but do not hold a whole one."""

    reason: ClassVar[str] = "IMAGE_CORRUPT"


class ImageTooLarge(ImageError):
    """The file has more bytes than allowed."""

    reason: ClassVar[str] = "IMAGE_TOO_LARGE"


class ImageDimensionsOutOfRange(ImageError):
    """The image has too few or too many pixels."""

    reason: ClassVar[str] = "IMAGE_DIMENSIONS_OUT_OF_RANGE"
