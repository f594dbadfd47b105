"""An SMTP server on this machine, as in RFC 5321, with STARTTLS and a login where it is told to."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NAME = "localhost"
"""Whom the certificates are for."""


class Session(socketserver.StreamRequestHandler):
    """One client's conversation."""

    server: "MailServer"

    def handle(self) -> None:
        self.encrypted = False
        self.say("220 loopback")
        while line := self.line():
            self.server.said.append((self.encrypted, line))
            if not self.goes_on_after(line):
                return

    def goes_on_after(self, line: str) -> bool:
        match line.split(maxsplit=1)[0].upper():
            case "EHLO":
                self.greet()
            case "STARTTLS":
                return self.encrypt()
            case "AUTH":
                self.say("235 welcome" if line == self.server.login else "535 wrong")
            case "DATA":
                self.take()
            case "QUIT":
                self.say("221 bye")
                return False
            case "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP":
                self.say("250 yes")
            case _:
                self.say("502 not here")
        return True

    def greet(self) -> None:
        self.say("250-loopback")
        if self.server.tls and not self.encrypted:
            self.say("250-STARTTLS")
        if self.server.login:  # in clear text too: a client that takes it there is to be found
            self.say("250-AUTH PLAIN")
        self.say("250 SMTPUTF8")

    def encrypt(self) -> bool:
        if self.server.tls is None:
            self.say("502 not here")
            return True
        self.say("220 go on")
        try:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        except (ssl.SSLError, ConnectionError) as error:
            self.server.refused.append(str(error))
            return False
        self.setup()
        self.encrypted = True
        return True

    def take(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.line()) != ".":
            lines.append(line.removeprefix("."))  # a dot at the beginning is sent twice
        text = "\n".join(lines)
        message = message_from_string(text, policy=policy.default)
        self.server.received.append(message)
        self.say("250 taken")

    def finish(self) -> None:
        super().finish()
        self.request.close()  # the encrypted one, of which socketserver doesn't know

    def line(self) -> str:
        return self.rfile.readline().decode().rstrip("\r\n")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Take every message.

    Args:
        tls: What STARTTLS leads to; None offers none.
        login: A user and a password, if a login is offered.

    Attributes:
        login: The only login that is right, as a client says it.
        said: The clients' lines but for their messages, and whether each came encrypted.
        refused: Why clients turned their backs on our certificate.
        received: The messages.
    """

    daemon_threads = True

    def __init__(
        self, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.tls = tls
        self.login = f"AUTH PLAIN {as_plain(*login)}" if login else None
        self.said: list[tuple[bool, str]] = []
        self.refused: list[str] = []
        self.received: list[EmailMessage] = []

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port


def as_plain(user: str, password: str) -> str:
    """Write a login as RFC 4616 does."""
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


@contextmanager
def serving(server: MailServer) -> Iterator[MailServer]:
    with server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate that only those trust who are told to; return it, and what proves it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(public, private)
    return public, tls
