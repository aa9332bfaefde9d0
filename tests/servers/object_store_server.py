"""An object store on loopback: S3's protocol, in fair weather and in foul."""

import http.client
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import uuid

import pytest

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def _answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def s3_port():
    """A server of S3's protocol in a process of its own, credentials for it in the environment."""
    pytest.importorskip("moto", reason="moto[server] is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        while not _answers(port):
            assert process.poll() is None
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _bucket(port):
    """Make a bucket and return its name."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("PUT", f"/{name}", headers={"Authorization": "AWS nobody:nothing"})
    assert connection.getresponse().status == 200
    connection.close()
    return name


@pytest.fixture
def s3_uri(s3_port):
    """A function from names to URIs in a new bucket."""
    bucket = _bucket(s3_port)
    return lambda name: f"s3://{bucket}/{name}?scheme=http&endpoint_override=127.0.0.1:{s3_port}"


class Weather(http.server.ThreadingHTTPServer):
    """Passes requests on to a server, or answers 503 while `is_bad`; counts what it refused."""

    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", 0), _Passing)
        self.beyond, self.is_bad, self.refused = port, False, 0

    def handle_error(self, request, client_address):
        """Say nothing of clients that were killed in the middle of a request."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def port(self):
        return self.server_address[1]


class _Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.server.is_bad:
            self.server.refused += 1
            told = (
                b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
            )
            self._answer(503, {"Content-Type": "application/xml"}, told)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.server.beyond, timeout=60)
        ours = ("transfer-encoding", "content-length", "expect", "connection")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ours}
        # the body as it came: the inner encoding, `aws-chunked`, is the server's affair
        connection.request(
            self.command, self.path, body, {**headers, "Content-Length": str(len(body))}
        )
        answer = connection.getresponse()
        self._answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815 - names of the base class

    def _answer(self, status, headers, content):
        self.send_response_only(status)
        length = headers.get("Content-Length", str(len(content)))
        for name, value in headers.items():
            if name not in ("Content-Length", "Transfer-Encoding", "Connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def weather(s3_port):
    """The same server behind one that may answer 503 for a while: (it, a function to URIs)."""
    server = Weather(s3_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    bucket = _bucket(s3_port)
    yield (
        server,
        lambda name: f"s3://{bucket}/{name}?scheme=http&endpoint_override=127.0.0.1:{server.port}",
    )
    server.shutdown()
    server.server_close()
    thread.join()
