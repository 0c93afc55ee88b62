"""What streams of images take and give, and which images are under way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp_server.client.failures import CallError
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.convert import error_from_status, recognition_from_message
from ktp_server.results import RecognitionResult

__all__ = ["IN_FLIGHT_COUNT", "CardAnswer", "CardImage", "Window"]

IN_FLIGHT_COUNT = 8
"""Images under way at a time; a server takes no more from one stream by default."""


@dataclass(frozen=True, slots=True)
class CardImage:
    """One image of many.

    Attributes:
        request_id: what its answer is known by: 1 to 128 printable ASCII characters, unique among those under way.
        data: the image file.
        require: checks that must pass, by name.
    """

    request_id: str
    data: bytes = field(repr=False)
    require: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What became of one image; exactly one of `result` and `error` is set."""

    request_id: str
    result: RecognitionResult | None = None
    error: CallError | None = None

    @property
    def is_transient(self) -> bool:
        """Whether the image failed for a reason that passes."""
        return self.error is not None and self.error.retry_delay_s is not None


class Window:
    """The images of a stream that were sent and not yet answered."""

    def __init__(self, size: int) -> None:
        """Make an empty window.

        Args:
            size: most images in it.

        Raises:
            ValueError: there would be no room for any.
        """
        if size < 1:
            raise ValueError("in_flight_count must be at least 1")
        self._size = size
        self._unanswered: dict[str, CardImage] = {}

    @property
    def is_full(self) -> bool:
        """Whether an answer must come before the next image may go."""
        return len(self._unanswered) >= self._size

    @property
    def unanswered(self) -> Mapping[str, CardImage]:
        """By request id, in the order in which they were added."""
        return self._unanswered

    def add(self, image: CardImage) -> messages.RecognizeCardsRequest:
        """Note an image and give its message.

        Raises:
            ValueError: an image with this id is under way.
        """
        if image.request_id in self._unanswered:
            raise ValueError("two images under way have the same request_id")
        self._unanswered[image.request_id] = image
        return _to_message(image)

    def to_messages(self) -> list[messages.RecognizeCardsRequest]:
        """Give the messages of all that are unanswered, for a new stream."""
        return [_to_message(image) for image in self._unanswered.values()]

    def read(self, response: messages.RecognizeCardsResponse | None) -> CardAnswer:
        """Translate the server's next answer; its image stays in the window.

        Args:
            response: None where the server has ended the stream.

        Raises:
            CallError: the stream ended early, or answers what nobody asked.
        """
        if response is None or response.request_id not in self._unanswered:
            why = "ended the stream early" if response is None else "answered a request that is not under way"
            raise CallError(RecognitionError(ErrorReason.INTERNAL, f"the server {why}"), "")
        if response.WhichOneof("outcome") == "recognition":
            return CardAnswer(response.request_id, result=recognition_from_message(response.recognition))
        failure = error_from_status(response.error)
        if failure is None:
            failure = RecognitionError(
                ErrorReason.INTERNAL, f"the server's failure is unknown: {response.error.message}"
            )
        return CardAnswer(response.request_id, error=CallError(failure, response.request_id))

    def take(self, request_id: str) -> CardImage:
        """Give an image that is unanswered no longer."""
        return self._unanswered.pop(request_id)

    def take_all(self) -> Iterator[CardImage]:
        """Give the images that are unanswered one by one, each when it is asked for."""
        for request_id in list(self._unanswered):
            yield self.take(request_id)


def _to_message(image: CardImage) -> messages.RecognizeCardsRequest:
    """Give the message of a stream's image."""
    return messages.RecognizeCardsRequest(request_id=image.request_id, image=image.data, require=image.require)
