"""Reads the user's own files: rows in the formats that the field writes, each complaint with file and line."""

from danlu.data.formats.read import detect, read, read_all, unread_keys

__all__ = ["detect", "read", "read_all", "unread_keys"]
