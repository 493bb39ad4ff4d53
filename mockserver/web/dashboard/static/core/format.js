// Values in words. Everything here is pure.

const UC_PER_CREDIT = 10_000;

/** An amount of uc (1/10,000 credit) in credits, with at most four decimals. */
export function credits(amountUc) {
  return (amountUc / UC_PER_CREDIT).toLocaleString("en-US", { maximumFractionDigits: 4 });
}

/** The part of an id by which a person knows it. */
export function tail(id) {
  return String(id)
    .replace(/^task-unified-\d+-/, "")
    .replace(/^callback-\d+-/, "");
}

/** A key as it is shown: the last characters of it, which is all that the mock tells. */
export function keyName(tenant) {
  const [hint, digest] = String(tenant).split("-");
  return hint === "short" ? `key ${digest?.slice(0, 6) ?? ""}` : `…${hint}`;
}

const pad = (number, width = 2) => String(Math.floor(number)).padStart(width, "0");

/** A moment as the machine that looks has it: 14:02:05, or with milliseconds. */
export function timeOfDay(ms, { millis = false } = {}) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return "–";
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return millis ? `${clock}.${pad(date.getMilliseconds(), 3)}` : clock;
}

export function day(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? "–"
    : `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** A moment for a tooltip: the whole of it, in UTC. */
export function exact(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "–" : date.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** A length of time, as short as it can be told: 850 ms, 4.2 s, 3 min 20 s, 1 d 4 h. */
export function duration(ms) {
  const sign = ms < 0 ? "−" : "";
  const length = Math.abs(ms);
  if (length < 1_000) return `${sign}${Math.round(length)} ms`;
  if (length < 60_000) return `${sign}${Number((length / 1_000).toFixed(length < 10_000 ? 2 : 1))} s`;
  if (length < 3_600_000) return sign + two(length, 60_000, "min", 1_000, "s");
  if (length < 86_400_000) return sign + two(length, 3_600_000, "h", 60_000, "min");
  return sign + two(length, 86_400_000, "d", 3_600_000, "h");
}

function two(length, large, largeName, small, smallName) {
  const whole = Math.floor(length / large);
  const rest = Math.floor((length % large) / small);
  return rest ? `${whole} ${largeName} ${rest} ${smallName}` : `${whole} ${largeName}`;
}

export function bytes(count) {
  if (count < 1_024) return `${count} B`;
  return count < 1_048_576 ? `${(count / 1_024).toFixed(1)} KiB` : `${(count / 1_048_576).toFixed(1)} MiB`;
}

export function count(number) {
  return Number(number).toLocaleString("en-US");
}

/** "1 task", "2 tasks". */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

const SHOWN_LIMIT = 40_000;
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;

/** Without the characters that turn the reading direction of all that follows: they are written out. */
function straight(text) {
  return text.replace(TURNING, (one) => `\\u${one.charCodeAt(0).toString(16)}`);
}

/** A body for reading: JSON indented, anything else as it is, the very long cut. */
export function readable(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const left = text.length - SHOWN_LIMIT;
  return straight(left > 0 ? `${text.slice(0, SHOWN_LIMIT)}\n… ${count(left)} more characters` : text);
}

/** One line of a text that may be anything. */
export function oneLine(text, limit = 200) {
  const line = String(text)
    .slice(0, limit * 2)
    .replace(/\s+/g, " ")
    .trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/** The word for a status that a person sees first. */
export function statusClass(status) {
  if (status >= 500) return "bad";
  return status >= 400 ? "poor" : "fine";
}
