"""What keeps a command from starting for a reason that one line can tell."""

from ktp_postprocessing.tables import TemplateError
from ktp_server.engines.repository import ModelRepositoryError
from ktp_server.listening import ListenError
from ktp_server.models import ModelContractError
from ktp_server.observability.session import TracingUnavailable
from ktp_server.security.errors import SecurityError

__all__ = ["START_ERRORS", "WorkerStartError"]


class WorkerStartError(Exception):
    """A server process cannot start; the message is its own reason."""


START_ERRORS = (
    *(ListenError, SecurityError, ModelRepositoryError, ModelContractError, TemplateError),
    *(TracingUnavailable, WorkerStartError, OSError),
)
"""Their messages are plain sentences that name the file or the setting."""
