// What was written into the form of an account, as the control API takes it. Pure.

const OR_NONE = new Set(["token_credits", "requests_per_minute", "concurrent_tasks", "max_files"]);

/** The changes; a number that is none goes out as it was written, for the server to say what is wrong with it. */
export function changes(form) {
  return Object.fromEntries(Object.entries(form).map(([name, written]) => [name, value(name, written.trim())]));
}

function value(name, written) {
  if (name === "state" || name === "user_group") return written;
  if (name === "models")
    return written
      ? written
          .split(",")
          .map((one) => one.trim())
          .filter(Boolean)
      : null;
  if (written === "" && OR_NONE.has(name)) return null;
  return written !== "" && Number.isFinite(Number(written)) ? Number(written) : written;
}
