"""A venue that answers as it was told to, and remembers what it was asked."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class FakeVenue:
    """answers: (method, path) -> (status, JSON). asked: (method, path, query, body)."""

    def __init__(self, base_url):
        self.base_url = base_url
        self.answers = {}
        self.asked = []
        self.headers = []

    def answer(self, method, path, content, status=200):
        self.answers[method, path] = (status, content)

    def environ(self):
        return {
            "APCA_API_BASE_URL": self.base_url,
            "APCA_API_KEY_ID": "PKTEST",
            "APCA_API_SECRET_KEY": "secret",
        }


@contextlib.contextmanager
def fake_venue() -> Iterator[FakeVenue]:
    class Handler(BaseHTTPRequestHandler):
        def do(self):
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            venue.asked.append((self.command, parts.path, dict(parse_qsl(parts.query)), body))
            venue.headers.append(dict(self.headers))
            missing = (404, {"code": 40410000, "message": "There is no such thing."})
            status, content = venue.answers.get((self.command, parts.path), missing)
            data = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_PATCH = do  # noqa: N815 - the server finds them so

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    venue = FakeVenue(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield venue
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
