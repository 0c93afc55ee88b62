"""From a request's body to the image in it, for every form in which one may be sent."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.gateway.base64_text import decode_base64, restore_plus_signs

__all__ = [
    "FORM_TYPE",
    "IMAGE_TYPES",
    "JSON_TYPE",
    "MULTIPART_TYPE",
    "ImageBody",
    "Upload",
    "media_type",
    "parse_upload",
]

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"
IMAGE_TYPES = frozenset({"image/jpeg", "image/jpg", "image/png", "image/bmp", "application/octet-stream"})
"""Types of a body that is the image file itself; which format it has, its bytes decide."""

IMAGE_FIELD = "image"
FORM_IMAGE_FIELD = "img"
FORM_FIELD_LIMIT = 16
"""Fields or parts of a form; the APIs know one."""


class ImageBody(BaseModel):
    """The JSON body of a request.

    Attributes:
        image: the image file in base64.
        request_id: the caller's id, instead of the header X-Request-Id.
        require: checks that must pass.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="ImageRequest")

    image: str = Field(
        description="The image file in base64: JPEG, PNG or BMP. A data URI and URL-safe base64 will do.",
        json_schema_extra={"contentEncoding": "base64"},
    )
    request_id: str = Field(
        default="",
        validation_alias=AliasChoices("request_id", "requestId"),
        description="Echoed in the answer, at most 128 printable ASCII characters; made up when it is empty.",
    )
    require: tuple[str, ...] = Field(
        default=(), description="Names of checks that must pass, else the image is refused with QUALITY_REJECTED."
    )


@dataclass(frozen=True, slots=True)
class Upload:
    """An image as it came.

    Attributes:
        image: the file.
        request_id: of the body; empty where it has none.
        require: checks that must pass.
    """

    image: bytes
    request_id: str = ""
    require: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, body: bytes) -> "Upload":
        """Parse a JSON body, see `ImageBody`.

        Raises:
            RecognitionError: REQUEST_INVALID; it names the member and quotes nothing.
        """
        try:
            parsed = ImageBody.model_validate_json(body)
        except ValidationError as error:
            raise _explain(error) from None
        return cls(decode_base64(parsed.image, IMAGE_FIELD), parsed.request_id, parsed.require)

    @classmethod
    def from_form(cls, body: bytes) -> "Upload":
        """Parse a URL-encoded form with the image in base64 in its field `img`.

        Args:
            body: of type application/x-www-form-urlencoded.

        Raises:
            RecognitionError: REQUEST_INVALID.
        """
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FORM_FIELD_LIMIT)
        except ValueError:  # UnicodeDecodeError is one, too
            raise RecognitionError(ErrorReason.REQUEST_INVALID, "the body is not a URL-encoded form") from None
        values = [value for name, value in pairs if name == FORM_IMAGE_FIELD]
        if len(values) != 1:
            raise RecognitionError(
                ErrorReason.REQUEST_INVALID, f"the form needs one field {FORM_IMAGE_FIELD}", FORM_IMAGE_FIELD
            )
        return cls(decode_base64(restore_plus_signs(values[0]), FORM_IMAGE_FIELD))

    @classmethod
    async def from_multipart(cls, body: bytes, content_type: str) -> "Upload":
        """Parse a multipart form: its one file, or its field `image` in base64.

        Args:
            body: of type multipart/form-data.
            content_type: the header, with the boundary.

        Raises:
            RecognitionError: REQUEST_INVALID.
        """
        headers = Headers({"content-type": content_type})
        parser = _MemoryParser(
            headers, _stream(body), max_files=1, max_fields=FORM_FIELD_LIMIT, max_part_size=len(body)
        )
        try:
            form = await parser.parse()
        except (MultiPartException, FormParserError, UnicodeError):
            raise RecognitionError(
                ErrorReason.REQUEST_INVALID, "the body is not a multipart form with one file"
            ) from None
        try:
            for _, part in form.multi_items():
                if isinstance(part, UploadFile):
                    return cls(await part.read())
        finally:
            await form.close()
        text = form.get(IMAGE_FIELD)
        if not isinstance(text, str):
            raise RecognitionError(ErrorReason.REQUEST_INVALID, "the form needs a file called image", IMAGE_FIELD)
        return cls(decode_base64(text, IMAGE_FIELD))


async def parse_upload(body: bytes, content_type: str) -> Upload:
    """Find the image in a body.

    Args:
        body: as sent.
        content_type: the header; of a type that this module names.

    Raises:
        RecognitionError: REQUEST_INVALID.
    """
    kind = media_type(content_type)
    # Megabytes of text take long enough to decode that other requests should not wait for it.
    if kind == JSON_TYPE:
        return await asyncio.to_thread(Upload.from_json, body)
    if kind == FORM_TYPE:
        return await asyncio.to_thread(Upload.from_form, body)
    if kind == MULTIPART_TYPE:
        return await Upload.from_multipart(body, content_type)
    return Upload(body)


def media_type(content_type: str) -> str:
    """Give the type of a Content-Type header, without parameters, in lower case."""
    return parse_options_header(content_type)[0].decode("latin-1").lower()


class _MemoryParser(MultiPartParser):
    """Keeps files in memory, whatever their size: an image is never written to disk."""

    spool_max_size = 0


async def _stream(body: bytes) -> AsyncGenerator[bytes]:
    yield body


def _explain(error: ValidationError) -> RecognitionError:
    """Name the first member at fault; the caller's own names and values are not repeated."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    member = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden" or (member and member not in ImageBody.model_fields):
        return RecognitionError(
            ErrorReason.REQUEST_INVALID, f"the body may have {', '.join(ImageBody.model_fields)} and nothing else"
        )
    if not member:
        return RecognitionError(ErrorReason.REQUEST_INVALID, "the body is not a JSON object")
    return RecognitionError(ErrorReason.REQUEST_INVALID, f"{member}: {problem['msg'].lower()}", member)
