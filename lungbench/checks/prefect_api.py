"""Questions to Prefect's server, with the authority that its clients are told to trust."""

import os
import ssl
import urllib.request
from http.client import HTTPResponse

AUTHORITY = "PREFECT_API_SSL_CERT_FILE"
_TIMEOUT_S = 3.0


def get(url: str) -> HTTPResponse:
    """Ask an address that begins with http or https, and return the open answer.

    Raises:
        urllib.error.HTTPError: The answer is a refusal.
        OSError: There is no answer, or the file that `AUTHORITY` names can't be read.
    """
    answer: HTTPResponse = urllib.request.urlopen(url, timeout=_TIMEOUT_S, context=_trusted())  # noqa: S310 - as said above
    return answer


def _trusted() -> ssl.SSLContext:
    certificates = os.environ.get(AUTHORITY) or None
    try:
        return ssl.create_default_context(cafile=certificates)
    except OSError as error:
        raise OSError(f"{AUTHORITY} is {certificates}, no file of certificates: {error}") from None
