"""Options of `serve` that no server can be run with are told at once."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from mockserver.cli import main


@pytest.mark.parametrize("token", [" secret", "secret\n", "sec\tret"])
def test_a_token_that_no_header_carries_is_wrong_usage(token: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--control-token", token])
    assert (done.exit_code, "--control-token: received" in done.output) == (2, True)
    assert token not in done.output


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_can_be_trusted_by_nobody(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content)
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--callback-ca", str(file)])
    assert (done.exit_code, "without a certificate" in done.output) == (2, True)
