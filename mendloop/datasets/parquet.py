"""Parquet files of rows with a fixed schema. The only module that imports pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

GROUP_ROWS = 1000
"""Rows of one row group: few enough that a reader of some rows reads little, and that writing needs little memory."""


def write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> int:
    """Write rows and return their number; equal rows make equal bytes.

    `columns` names the kind of each column (mendloop.datasets.views). Raises OSError when the file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([pa.field(name, _type(pa, kind)) for name, kind in columns.items()])
    count, remaining = 0, iter(rows)
    # Every option is named: bytes must not change with a library's defaults.
    options = {"compression": "zstd", "compression_level": 3, "version": "2.6", "data_page_version": "1.0"}
    try:
        with path.open("wb") as file, parquet.ParquetWriter(file, schema, **options) as writer:
            while group := list(islice(remaining, GROUP_ROWS)):
                writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=GROUP_ROWS)
                count += len(group)
    except pa.ArrowException as error:
        raise OSError(str(error)) from error
    return count


def _type(pa: Any, kind: str) -> Any:
    turn = [pa.field("role", pa.string()), pa.field("content", pa.string())]
    message = [("role", pa.string()), ("name", pa.string()), ("content", pa.string())]
    message += [("train", pa.bool_()), ("turn", pa.int64()), ("verdict", pa.string())]
    types = {
        "text": pa.string(),
        "count": pa.int64(),
        "texts": pa.list_(pa.string()),
        "chat": pa.list_(pa.struct(turn)),
        "dialogue": pa.list_(pa.struct(message)),
    }
    return types[kind]
