"""Between the client and the fake: what is carried, broken and written down."""
