// A recorded request as a command for a shell. Keys were never recorded: $EVOLINK_API_KEY stands for them.

const LEFT_OUT = new Set([
  "host",
  "content-length",
  "connection",
  "accept-encoding",
  "user-agent",
  "accept",
  "transfer-encoding",
]);

/** In single quotes, whatever is in it (POSIX). */
export function quoted(text) {
  return `'${String(text).replaceAll("'", "'\\''")}'`;
}

export function curl(record, origin) {
  const query = record.query ? `?${record.query}` : "";
  const lines = [`curl ${quoted(origin + record.path + query)}`];
  const body = text(record.body);
  if (record.method !== (body === null ? "GET" : "POST")) lines.push(`-X ${record.method}`);
  for (const [name, value] of Object.entries(record.headers ?? {})) {
    if (name === "authorization") lines.push(`-H "Authorization: Bearer $EVOLINK_API_KEY"`);
    else if (!LEFT_OUT.has(name)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  }
  if (body !== null) lines.push(`--data-raw ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

function text(body) {
  if (body === null || body === undefined || body === "") return null;
  return typeof body === "string" ? body : JSON.stringify(body);
}
