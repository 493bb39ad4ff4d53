// The control API. The token, where there is one, goes in a header and into no URL.

import { set, state } from "./store.js";

const KEPT = "evolink-mock-token";

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function remember(token) {
  state.token = token;
  if (token) sessionStorage.setItem(KEPT, token);
  else sessionStorage.removeItem(KEPT);
}

export function recall() {
  state.token = sessionStorage.getItem(KEPT);
}

/** Where the API is: what stands before `/_mock/` in the page's own address. */
export const base = () => new URL("..", location.href).href.replace(/\/$/, "");

/** The answer to a request below /_mock, where the page is, also behind a proxy's path. Throws Refusal. */
export async function ask(method, path, { params, body, raw, signal } = {}) {
  const headers = { "x-mock-page": "1" };
  if (state.token) headers.authorization = `Bearer ${state.token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const answer = await fetch(`${path}${query(params)}`, { method, headers, body: sent, signal }).catch(unheard);
  if (answer.ok) return answer;
  if (answer.status === 401) set({ login: "needed" });
  throw new Refusal(answer.status, await words(answer));
}

export async function call(method, path, more) {
  return (await ask(method, path, more)).json();
}

export const get = (path, params, signal) => call("GET", path, { params, signal });

/** Parameters without those that say nothing. */
export function query(params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** Browsers have words of their own for a server that is away. */
function unheard(error) {
  throw error.name === "AbortError" ? error : new Refusal(0, "The mock does not answer");
}

async function words(answer) {
  try {
    return (await answer.json()).error.message;
  } catch {
    return `The server answered ${answer.status}`;
  }
}

export const segment = encodeURIComponent;
