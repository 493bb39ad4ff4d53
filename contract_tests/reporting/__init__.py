"""A report as people and machines read it: on the console, and as JUnit, JSON, HTML and HAR files."""

from contract_tests.reporting.options import FileToWrite, Number, report_options
from contract_tests.reporting.progress import Tell, progress
from contract_tests.reporting.publication import publish

__all__ = ["FileToWrite", "Number", "Tell", "progress", "publish", "report_options"]
