"""The settings: one frozen model, read from TOCSIN_* variables and validated at the start
(docs/reference/configuration.md).

For secrets, a variable `TOCSIN_..._FILE` may name a file that holds the value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tocsin.errors import InvalidSettings
from tocsin.model import ceilings
from tocsin.model.database_address import DatabaseAddress
from tocsin.model.metrics.window import Window
from tocsin.model.notifications.smtp import SmtpServer
from tocsin.model.server_address import ServerAddress
from tocsin.model.validation import problems_of
from tocsin.model.web_urls import base_url

_PREFIX = "TOCSIN_"


class Settings(BaseSettings):
    """The settings of one server process."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8420
    base_url: str | None = None
    data_dir: Path = Path("tocsin-data")
    # The database before ClickHouse, whose validation uses it.
    database_url: SecretStr | None = None
    clickhouse_url: Annotated[SecretStr | None, Field(validate_default=True)] = None
    admin_key: Annotated[SecretStr, Field(min_length=16)] | None = None
    accept_new_store: bool = False
    accept_new_engine: bool = False
    accept_loss: bool = False
    strict_catalog: bool = False
    retention: Window | None = None
    oldest_days: Annotated[int, Field(ge=1)] = ceilings.OLDEST_DAYS
    latest_days: Annotated[int, Field(ge=1)] = ceilings.LATEST_DAYS
    audit_days: Annotated[int, Field(ge=1)] = ceilings.AUDIT_DAYS
    max_months: Annotated[int, Field(ge=24)] = ceilings.MONTHS
    max_paths: Annotated[int, Field(ge=1)] = ceilings.PATHS
    max_catalog_entries: Annotated[int, Field(ge=1)] = ceilings.CATALOG_ENTRIES
    body_memory: Annotated[int, Field(ge=ceilings.BATCH_BYTES, description="bytes")] = (
        ceilings.BODY_MEMORY
    )
    id_filter_bytes: Annotated[int, Field(ge=ceilings.MIB)] = ceilings.ID_FILTER_BYTES
    query_memory: Annotated[int, Field(ge=64 * ceilings.MIB, description="bytes")] = (
        ceilings.QUERY_MEMORY
    )
    query_seconds: Annotated[int, Field(ge=1, le=3600)] = ceilings.QUERY_SECONDS
    query_concurrency: Annotated[int, Field(ge=1, le=64)] = ceilings.QUERY_CONCURRENCY
    # Before the URL, whose validation uses it.
    smtp_from: str | None = None
    smtp_url: SecretStr | None = None
    allow_private_targets: bool = False
    max_pending_deliveries: Annotated[int, Field(ge=1, le=1_000_000)] = ceilings.PENDING_DELIVERIES
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str | None) -> str | None:
        return None if url is None else base_url(url)

    @field_validator("data_dir", mode="before")
    @classmethod
    def _check_data_dir(cls, folder: Any) -> Any:
        # Path("") is the current folder.
        if isinstance(folder, str) and not folder.strip():
            raise ValueError("must name a folder, and is empty")
        return folder

    @field_validator("admin_key")
    @classmethod
    def _check_admin_key(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else ""
        if not (text.isascii() and text.isprintable()):
            raise ValueError(
                "must have printable ASCII characters only: others cannot be sent in a header"
            )
        if text != text.strip():
            raise ValueError(
                "must not begin or end with a blank, which is not part of a header's value"
            )
        return key

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            DatabaseAddress.parse(url.get_secret_value())
        return url

    @field_validator("clickhouse_url")
    @classmethod
    def _check_clickhouse(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if url is not None:
            ServerAddress.parse(url.get_secret_value())
        # An invalid database URL is absent here, and has a problem of its own.
        if "database_url" in info.data:
            _require_pair(info.data["database_url"], url)
        return url

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if url is not None:
            SmtpServer.parse(url.get_secret_value(), info.data.get("smtp_from") or "")
        return url

    @property
    def is_server_mode(self) -> bool:
        """Whether the data is on a ClickHouse server and in PostgreSQL, not in a data folder."""
        return self.clickhouse_url is not None

    @property
    def smtp_server(self) -> SmtpServer | None:
        """The server that sends emails; None if none is set."""
        if self.smtp_url is None:
            return None
        return SmtpServer.parse(self.smtp_url.get_secret_value(), self.smtp_from or "")

    @classmethod
    def load(cls, **given: Any) -> Self:
        """The settings from the environment, overridden by the arguments that are not None.

        Raises InvalidSettings, which names every invalid variable.
        """
        values: dict[str, Any] = {**_empty_folder(os.environ), **_from_files(os.environ)}
        values.update({name: value for name, value in given.items() if value is not None})
        try:
            return cls(**values)
        except ValidationError as error:
            problems = "; ".join(
                f"{_PREFIX}{p.field.upper()} {p.message}" for p in problems_of(error)
            )
            raise InvalidSettings(f"These settings are invalid: {problems}") from error


def _empty_folder(environment: Mapping[str, str]) -> dict[str, str]:
    """The value of an empty TOCSIN_DATA_DIR. Other empty variables count as unset, but the default
    of this one may not be the intended folder."""
    variable = f"{_PREFIX}DATA_DIR"
    return {"data_dir": ""} if environment.get(variable) == "" else {}


def _from_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The values of TOCSIN_..._FILE variables, without the newline at the end."""
    values = {}
    for name in Settings.model_fields:
        variable = f"{_PREFIX}{name.upper()}_FILE"
        path = environment.get(variable)
        if path is None:
            continue
        try:
            values[name] = Path(path).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise InvalidSettings(f"{variable}: cannot read {path}: {error.strerror}") from error
    return values


def _require_pair(database: SecretStr | None, clickhouse: SecretStr | None) -> None:
    if clickhouse and not database:
        raise ValueError(
            f"needs {_PREFIX}DATABASE_URL. A ClickHouse server needs a PostgreSQL database: nodes "
            "coordinate through it"
        )
    if database and not clickhouse:
        raise ValueError(
            f"is required by {_PREFIX}DATABASE_URL. A PostgreSQL database needs a ClickHouse "
            "server: the embedded engine belongs to one process"
        )
