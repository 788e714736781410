"""The few routes of the Hugging Face hub that its client calls to push and pull a model, in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_standin"
Files = dict[str, bytes]


@dataclass
class Repository:
    """Branches, and the files of every commit."""

    private: bool = True
    gated: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, files: Files) -> str:
        """Add a commit with these files on top of a branch; return its id."""
        whole = {**self.commits.get(self.branches.get(branch, ""), {}), **files}
        parts = (part for name in sorted(whole) for part in (name.encode(), whole[name]))
        name = hashlib.sha1(b"\0".join(parts)).hexdigest()
        self.commits[name] = whole
        self.branches[branch] = name
        return name


class Hub:
    """What the server holds.

    Attributes:
        url: where it listens.
        repositories: by ``owner/name``.
        broken: route (a part of the path) to HTTP status, to make a request fail.
        asked: method and path of every request.
    """

    def __init__(self) -> None:
        self.url = ""
        self.repositories: dict[str, Repository] = {}
        self.broken: dict[str, int] = {}
        self.asked: list[str] = []

    def add(self, name: str, files: Files, branch: str = "main") -> Repository:
        """A public repository with one more commit."""
        repository = self.repositories.setdefault(name, Repository(private=False))
        repository.commit(branch, files)
        return repository


@contextmanager
def serve() -> Iterator[Hub]:
    """Run a stand-in on a free port of this machine, in a thread."""
    hub = Hub()

    class Handler(_Handler):
        held = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    held: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer()

    do_HEAD = do_POST = do_GET  # noqa: N815

    def answer(self) -> None:
        body = self.body()
        path = unquote(urlsplit(self.path).path)
        self.held.asked.append(f"{self.command} {path}")
        for route, status in self.held.broken.items():
            if route in path:
                self.send(status, b"")
                return
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            self.create(json.loads(body))
        elif path == "/api/validate-yaml":
            self.send_json({"errors": [], "warnings": []})
        elif parts[:2] == ["api", "models"] and len(parts) >= 4:
            self.model("/".join(parts[2:4]), parts[4:], body)
        elif parts[2:3] == ["resolve"]:
            self.resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self.send(404, b"")

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            whole = b""
            while length := int(self.rfile.readline(), 16):
                whole += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if not self.known():
            self.send_json({"error": "Invalid username or password."}, 401)
        elif name in self.held.repositories:
            self.send_json({"error": "You already created this model repo", "url": f"{self.held.url}/{name}"}, 409)
        else:
            self.held.repositories[name] = Repository(private=asked.get("visibility") == "private")
            self.send_json({"url": f"{self.held.url}/{name}", "name": name})

    def model(self, name: str, rest: list[str], body: bytes) -> None:
        repository = self.held.repositories.get(name)
        if repository is None or (repository.private and not self.known()):
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif rest[:1] == ["branch"]:
            repository.branches.setdefault(rest[1], repository.branches.get("main", ""))
            self.send_json({})
        elif rest[:1] == ["preupload"]:
            files = json.loads(body)["files"]
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            self.send_json({"files": [{"path": file["path"], **plain} for file in files]})
        elif rest[:1] == ["commit"]:
            lines = [json.loads(line) for line in body.splitlines()]
            files = [line["value"] for line in lines if line["key"] == "file"]
            commit = repository.commit(rest[1], {file["path"]: base64.b64decode(file["content"]) for file in files})
            url = f"{self.held.url}/{name}/commit/{commit}"
            self.send_json({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})
        else:
            self.look(name, repository, rest)

    def look(self, name: str, repository: Repository, rest: list[str]) -> None:
        revision = rest[1] if len(rest) > 1 else "main"
        commit = repository.branches.get(revision, revision)
        files = repository.commits.get(commit)
        if files is None:
            self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif rest[:1] == ["tree"]:
            listed = [{"path": path, "size": len(data), "oid": _oid(data)} for path, data in files.items()]
            self.send_json([{"type": "file", **entry} for entry in listed])
        else:
            siblings = [{"rfilename": path, "size": len(data), "blobId": _oid(data)} for path, data in files.items()]
            self.send_json({"id": name, "sha": commit, "private": repository.private, "siblings": siblings})

    def resolve(self, name: str, commit: str, path: str) -> None:
        repository = self.held.repositories[name]
        if repository.gated:
            self.send(403, b"", {"X-Error-Code": "GatedRepo"})
            return
        data = repository.commits[commit][path]
        self.send(200, data, {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": commit})

    def send_json(self, value: Any, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
