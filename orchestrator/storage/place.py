"""Where something is kept: a URI, its credentials never in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from orchestrator.credentials import carried_credentials
from orchestrator.errors import Clause, UserError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def is_remote(name: str | Path) -> bool:
    """Return whether a name is the URI of an object store, and not of a directory.

    >>> [is_remote(name) for name in ("s3://bucket/runs", "runs", "file:///nfs/runs")]
    [True, False, False]
    """
    found = _SCHEME.match(str(name))
    return found is not None and found[1].lower() != "file"


def local_path(name: str | Path) -> Path:
    """Return the path of a directory, which may be written as a `file://` URI.

    >>> str(local_path("file:///nfs/my%20runs"))
    '/nfs/my runs'
    """
    text = str(name)
    if text[:7].lower() == "file://":
        return Path(unquote(urlsplit(text).path))
    return Path(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder of an object store."""

    scheme: str
    bucket: str
    """Bucket, container or host."""
    path: str
    """Below the bucket, without a slash at either end; empty: all of the bucket."""
    query: str
    """Options of the store, such as `endpoint_override`."""

    @classmethod
    def parse(cls, uri: str, *, where: str) -> Self:
        """Take a URI apart.

        Args:
            uri: What the user wrote.
            where: The key or option that it was written for.

        Raises:
            UserError: It names no bucket, or has credentials in it.
        """
        try:
            parts = urlsplit(uri)
        except ValueError as error:
            raise UserError(
                where=where,
                law="a place is a path or a URI",
                found=Clause(f"it cannot be taken apart: {error}"),
                remedy="Write it as in s3://bucket/runs.",
            ) from None
        if (kind := carried_credentials(uri)) is not None:
            raise UserError(
                where=where,
                law="a URI says where, never who: run files, logs and MLflow would keep it",
                found=Clause(f"it carries {kind}"),
                remedy="Take them out of it; give them where the store's own tools find them: "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, "
                "GOOGLE_APPLICATION_CREDENTIALS, or the role of the machine.",
            )
        if not parts.netloc or parts.fragment:
            raise UserError(
                where=where,
                law="the URI of a store names a bucket and what is below it",
                found=uri,
                remedy="Write it as in s3://bucket/runs.",
            )
        return cls(
            scheme=parts.scheme.lower(),
            bucket=parts.netloc,
            path=re.sub("/+", "/", unquote(parts.path)).strip("/"),
            query=parts.query,
        )

    @property
    def name(self) -> str:
        """The last part of the path, or the bucket."""
        return self.path.rpartition("/")[2] or self.bucket

    @property
    def parent(self) -> Self:
        """The folder that it is in."""
        return replace(self, path=self.path.rpartition("/")[0])

    def __truediv__(self, below: str) -> Self:
        return replace(self, path=f"{self.path}/{below}".strip("/"))

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.bucket}{'/' if self.path else ''}{self.path}{query}"
