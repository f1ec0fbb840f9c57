"""A certificate for servers on 127.0.0.1, signed by itself."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers.process import program


@dataclass(frozen=True, slots=True)
class Certificate:
    """Clients that trust `certificate_path` trust the server that holds `key_path`."""

    certificate_path: Path
    key_path: Path

    @classmethod
    def create(cls, folder: Path) -> Certificate:
        """Writes both files into `folder`, readable by all: this key protects nothing."""
        made = cls(folder / "certificate.pem", folder / "key.pem")
        request = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(made.key_path), "-out", str(made.certificate_path)]
        subprocess.run([program("openssl"), *request, *subject, *files], check=True, capture_output=True)
        for path in (made.certificate_path, made.key_path):
            path.chmod(0o644)
        return made
