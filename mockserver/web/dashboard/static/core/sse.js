// Server-sent events out of text as it comes (HTML standard, 9.2), as far as the mock sends them. Pure.

/** Takes pieces of a stream; returns the events that are whole: {type, data}. */
export function reader() {
  let rest = "";
  return (piece) => {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop();
    return blocks.map(event).filter(Boolean);
  };
}

function event(block) {
  let type = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) type = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length ? { type, data: data.join("\n") } : null;
}
