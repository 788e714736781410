"""Models in repositories of the Hugging Face hub, by its own client."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from aigc_content.errors import AigcError, ModelError
from aigc_content.hub.place import copy, no_access, not_reached, nothing_there, package_missing

_ADDRESS = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?/?")
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN to a token that may do this"


class HubPlace:
    """A model repository, at a branch, tag or commit.

    ``HF_TOKEN``, ``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` count as they do everywhere.

    Args:
        address: ``hf://owner/name`` or ``hf://owner/name@revision``.

    Raises:
        ModelError: M010 huggingface_hub is missing, M011 the address is broken.
    """

    def __init__(self, address: str) -> None:
        self.name = address
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            raise ModelError(
                "M011",
                "is no address of a model on the hub",
                where=address,
                allowed="hf://owner/name or hf://owner/name@revision",
                remedy="check its spelling",
            )
        try:
            from huggingface_hub import HfApi
            from huggingface_hub.utils.tqdm import disable_progress_bars
        except ImportError as error:
            raise package_missing(address, error) from error
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tries again by itself; the end counts
        if not sys.stderr.isatty():
            disable_progress_bars()
        self._repository, self._revision = parts["repository"], parts["revision"]
        self._commit: str | None = None
        self._client = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="aigc_content")

    def sizes(self) -> Mapping[str, int | None]:
        """Bytes of each file of the revision, by name; see `aigc_content.hub.place.Place`."""
        with self._failures():
            found = self._client.model_info(self._repository, revision=self._revision, files_metadata=True)
            self._commit = found.sha  # what is fetched is what was looked at
            return {file.rfilename: file.size for file in found.siblings or ()}

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Download files into a folder of this machine."""
        with self._failures(), TemporaryDirectory(prefix="aigc-pull-") as temporary:
            self._client.snapshot_download(
                self._repository,
                revision=self._commit or self._revision,
                local_dir=temporary,
                allow_patterns=list(names),
            )
            for name in names:
                with Path(temporary, name).open("rb") as source:
                    copy(source, folder / name, self.name)

    def store(self, folder: Path, names: Sequence[str]) -> None:
        """Commit a folder's files; a repository that is new is private, a branch that is new is made."""
        with self._failures():
            self._client.create_repo(self._repository, private=True, exist_ok=True)
            if self._revision is not None:
                self._client.create_branch(self._repository, branch=self._revision, exist_ok=True)
            self._client.upload_folder(
                repo_id=self._repository,
                folder_path=folder,
                revision=self._revision,
                allow_patterns=list(names),
                commit_message=f"Push {folder.name} with aigc_content",
            )

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Whatever the client raises, as one message; below its own errors lie those of its HTTP library."""
        from huggingface_hub import errors

        try:
            yield
        except AigcError:
            raise
        except errors.GatedRepoError as error:
            raise no_access(self.name, error, f"accept the model's terms on its page, then {_LOG_IN}") from error
        except errors.RevisionNotFoundError as error:
            found = f"the repository has no revision {self._revision!r}"
            raise nothing_there(self.name, found, "name a branch, tag or commit of it") from error
        except errors.RepositoryNotFoundError as error:
            found = "there is no such repository, or it is private"
            raise nothing_there(self.name, found, f"check the name; if it is private, {_LOG_IN}") from error
        except errors.LocalTokenNotFoundError as error:
            raise no_access(self.name, error, _LOG_IN) from error
        except errors.OfflineModeIsEnabled as error:
            raise not_reached(self.name, error, "unset HF_HUB_OFFLINE") from error
        except errors.HfHubHTTPError as error:
            if error.response.status_code not in {401, 403}:
                raise not_reached(self.name, error, "the hub answers, but fails") from error
            raise no_access(self.name, error, _LOG_IN) from error
        except Exception as error:
            cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else None
            raise not_reached(self.name, cause or error, "check the network and HF_ENDPOINT") from error
