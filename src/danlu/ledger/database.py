"""The ledger's file: SQLite with a schema by number, whose failures are sentences.

Write-ahead logging (https://www.sqlite.org/wal.html): a reader never waits for a writer, and a process that is killed
leaves the last whole transaction. A connection lives for one operation, so that a long run holds nothing open.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from danlu.errors import DanluError, DataError, StorageError

_APPLICATION = 0x64616E6C  # "danl", in the header of a file that is a ledger
_PATIENCE_S = 30.0
_MEND = "Move it away, then `danlu runs --rebuild` registers the run folders anew."

MIGRATIONS = (
    """
    CREATE TABLE runs (
        name TEXT PRIMARY KEY,      -- of the run's folder, which stands beside the ledger
        status TEXT NOT NULL,
        error TEXT,
        started TEXT NOT NULL,      -- UTC, ISO 8601
        finished TEXT,
        attempts INTEGER NOT NULL,
        pid INTEGER, host TEXT, process_started REAL,
        goal TEXT, outcome TEXT, cause TEXT,
        recipe TEXT NOT NULL, recipe_sha256 TEXT NOT NULL,
        code TEXT, version TEXT,
        machine TEXT, plan TEXT, actual TEXT, parents TEXT, accepted TEXT, result TEXT,  -- JSON
        verdict TEXT, ship INTEGER, why TEXT, weights_sha256 TEXT
    )
    """,
)
"""Schema n is the first n of them, in order. One that was released is never edited: a change is one more."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one look. Raises DataError or StorageError, in a sentence."""
    with _spoken(path), contextlib.closing(_connect(path)) as connection:
        yield connection


@contextlib.contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction that ends whole or not at all; a second writer waits. Raises as `reading` does."""
    with reading(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:  # on a full disk SQLite has rolled back by itself
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def prepare(path: Path) -> None:
    """Make the file, or bring an older one up to this program's schema. Raises DataError for one that is newer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with reading(path) as connection:
        if _version(connection, path) == len(MIGRATIONS):
            return
        connection.execute("PRAGMA journal_mode = WAL")
    with writing(path) as connection:
        for number in range(_version(connection, path), len(MIGRATIONS)):  # asked again: another may have been faster
            connection.execute(MIGRATIONS[number])
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def is_sound(path: Path) -> bool:
    """Whether every page of the file can be read."""
    try:
        with reading(path) as connection:
            return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except DataError:
        return False


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != _APPLICATION and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise DataError(f"{path}: this is another program's database, not a ledger. {_MEND}")
    if version > len(MIGRATIONS):
        raise DataError(
            f"{path}: written by a newer danlu (schema {version}; this one knows {len(MIGRATIONS)}). Upgrade danlu."
        )
    return version


@contextlib.contextmanager
def _spoken(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        sentence = _sentence(path, error)
        if sentence is None:
            raise
        raise sentence from error


def _sentence(path: Path, error: sqlite3.DatabaseError) -> DanluError | None:
    """What a failure of SQLite's means to a user; None for what only a bug can do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return StorageError(f"{path}: the disk is full. Free some space and run the same command again.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_PERM:
            return StorageError(f"{path}: the ledger cannot be opened for writing ({error}). Check its folder.")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageError(
                f"{path}: another process has held the ledger for {_PATIENCE_S:.0f} s. Stop it, then try again."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DataError(f"{path}: the ledger is damaged ({error}). {_MEND}")
    return None
