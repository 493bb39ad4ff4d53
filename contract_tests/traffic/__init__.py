"""Whatever has talked to a running mock, judged from the mock's journal."""
