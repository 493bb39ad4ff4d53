"""Reference pages of the guide, made from the program itself: each is a function that gives a page of Markdown."""
