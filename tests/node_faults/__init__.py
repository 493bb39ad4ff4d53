"""Several nodes under load and under faults, judged from outside by what their clients were told."""
