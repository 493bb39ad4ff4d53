// JSON as it was written: a number that a browser would round keeps its digits. Pure.

/** What a text says; such numbers are drawn and sent on as they came, where the browser knows how. */
export function read(text) {
  return JSON.parse(text, (_, value, context) => (isRounded(value, context) ? JSON.rawJSON(context.source) : value));
}

function isRounded(value, context) {
  return typeof value === "number" && context?.source !== undefined && String(value) !== context.source && Boolean(JSON.rawJSON);
}
