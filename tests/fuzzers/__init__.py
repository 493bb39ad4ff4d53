"""Programs that do anything: whatever a client sends, or a receiver answers, the judge ends with a report."""
