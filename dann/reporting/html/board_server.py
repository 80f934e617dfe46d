"""The HTTP server of ``dann board``, for this machine alone: one page and the part of it that changes."""

import errno
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from dann.errors import BadInput
from dann.reporting.html.board import BoardPage

HOST = "127.0.0.1"
NAMES = {HOST, "localhost"}  # by which a browser may ask; a page elsewhere whose name leads here asks by that name


class BoardServer(ThreadingHTTPServer):
    """Serves a board at ``http://127.0.0.1:PORT/``.

    Args:
        port: 0 for any free one, which ``server_port`` then names.

    Raises:
        BadInput: the port is in use, or not allowed.
    """

    daemon_threads = True

    def __init__(self, board: BoardPage, port: int) -> None:
        self.board = board
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            cause = "is in use" if error.errno == errno.EADDRINUSE else "needs an administrator"
            raise BadInput(f"--port {port}: {cause}: name another, or 0 for any free one") from error


class _Handler(BaseHTTPRequestHandler):
    server: BoardServer

    def do_GET(self) -> None:
        makers = {"/": self.server.board.make_page, "/status": self.server.board.make_status}
        make = makers.get(urlsplit(self.path).path)
        if self.headers.get("Host", "").rpartition(":")[0] not in NAMES:
            self._answer(403, b"dann board answers on this machine alone\n", "text/plain")
        elif make is None:
            self._answer(404, b"there is only /\n", "text/plain")
        else:
            try:
                self._answer(200, make())
            except (BadInput, OSError) as error:
                self._answer(500, f"{error}\n".encode(errors="replace"), "text/plain")

    def _answer(self, status: int, content: bytes, kind: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing: the page asks every few seconds."""
