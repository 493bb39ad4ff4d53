"""The documents as pages for people: what is served, how surely each thing is known, and a line to try it."""
