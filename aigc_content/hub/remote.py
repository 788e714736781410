"""Models at URLs that fsspec knows: S3 and its likes, HTTP, SFTP, another machine's disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from aigc_content.errors import AigcError, ModelError, OutputError
from aigc_content.hub.place import copy, no_access, not_reached, nothing_there, package_missing
from aigc_content.models import DIGESTS, FILES, WEIGHTS


class RemotePlace:
    """A folder, or prefix, at a URL.

    Credentials and endpoints are those of the URL's own service, such as ``AWS_ACCESS_KEY_ID`` and
    ``AWS_ENDPOINT_URL_S3``.

    Args:
        url: such as ``s3://bucket/prefix``.

    Raises:
        ModelError: M010 a package is missing, M011 fsspec knows no such URL.
    """

    def __init__(self, url: str) -> None:
        self.name = url.rstrip("/")
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise package_missing(url, error) from error
        try:
            self._system, path = url_to_fs(self.name, skip_instance_cache=True)
        except ImportError as error:
            raise package_missing(url, error, "install the package that brings this kind of URL to fsspec") from error
        except ValueError as error:
            raise ModelError(
                "M011",
                f"is no URL that can be used: {error}",
                where=url,
                allowed="a folder, hf://owner/name[@revision], or a URL that fsspec knows, such as s3://bucket/prefix",
                remedy="check its spelling",
            ) from error
        self._path: str = path.rstrip("/")

    def sizes(self) -> Mapping[str, int | None]:
        """Bytes of each file there, by name; see `aigc_content.hub.place.Place`."""
        with self._failures("check the URL"):
            found = self._found((*FILES, DIGESTS))
            if WEIGHTS not in found:  # tell what is there instead; not every service can list
                entries = self._system.ls(self._path, detail=True)
                found |= {str(entry["name"]).rpartition("/")[2]: entry.get("size") for entry in entries}
        return found

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Copy files into a folder of this machine."""
        with self._failures("check the URL"):
            for name in names:
                with self._system.open(f"{self._path}/{name}", "rb") as source:
                    copy(source, folder / name, self.name)

    def store(self, folder: Path, names: Sequence[str]) -> None:
        """Copy a folder's files to the URL; what a failure left there is removed."""
        with self._failures("make the bucket, or the folder above it, first"):
            if found := self._found(names):
                self._compare(folder, names, found)
                return
            with suppress(FileExistsError):
                self._system.mkdir(self._path, create_parents=False)  # would make a bucket, too, with parents
            sent: list[str] = []
            try:
                for name in names:
                    sent.append(f"{self._path}/{name}")
                    self._system.put_file(str(folder / name), sent[-1])
            except BaseException:
                for path in sent:
                    with suppress(Exception):  # what is reported is the failure itself
                        self._system.rm_file(path)
                raise

    def _found(self, names: Sequence[str]) -> dict[str, int | None]:
        """Those of the files that are there, with their sizes."""
        found: dict[str, int | None] = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = self._system.info(f"{self._path}/{name}").get("size")
        return found

    def _compare(self, folder: Path, names: Sequence[str], found: Mapping[str, int | None]) -> None:
        """Refuse to store over files that differ; their digests tell."""
        whole = set(names) == set(found)
        if not whole or self._system.cat_file(f"{self._path}/{DIGESTS}") != (folder / DIGESTS).read_bytes():
            held = "another model" if whole else "an unfinished or another model"
            raise OutputError(
                "O011",
                f"{held} is there already: {', '.join(found)}",
                where=self.name,
                remedy="name another prefix, such as one with a version in it, or remove those files",
            )

    @contextmanager
    def _failures(self, remedy: str) -> Iterator[None]:
        """Whatever the file system raises, as one message; each brings errors of its own service's library."""
        try:
            yield
        except AigcError:
            raise
        except FileNotFoundError as error:
            raise nothing_there(self.name, f"there is no such place: {error}", remedy) from error
        except ImportError as error:
            raise package_missing(self.name, error) from error
        except Exception as error:
            if isinstance(error, PermissionError) or "Credential" in type(error).__name__:
                raise no_access(self.name, error, "set the credentials of that service, or ask for access") from error
            raise not_reached(self.name, error, "check the network and the service's address") from error
