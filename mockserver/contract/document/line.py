"""Text that somebody else chose, in a line of ours."""


def harmless(text: str) -> str:
    """In one line, with what a terminal could take for anything but letters spelled out."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
