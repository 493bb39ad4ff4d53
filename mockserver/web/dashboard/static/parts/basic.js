// The small things that every view is made of. What they show is text, never markup.

import { html, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { count, day, exact, keyName, oneLine, readable, statusClass, timeOfDay } from "../core/format.js";
import { notice } from "../core/store.js";

const WORDS = { given_up: "given up", planned: "planned", sending: "sending" };

export function State({ state }) {
  return html`<span class=${`state state-${state}`}>${WORDS[state] ?? state}</span>`;
}

export function Status({ status }) {
  return html`<span class=${`status ${statusClass(status)}`}>${status}</span>`;
}

export function Time({ ms, millis }) {
  return html`<time title=${`${exact(ms)} · ${ms} ms`}>${timeOfDay(ms, { millis })}</time>`;
}

export function Day({ ms }) {
  return html`<time title=${exact(ms)}>${day(ms)} ${timeOfDay(ms)}</time>`;
}

export function Key({ tenant }) {
  return tenant
    ? html`<span class="key" title=${tenant}>${keyName(tenant)}</span>`
    : html`<span class="quiet">no key</span>`;
}

export function Line({ text, limit }) {
  return html`<span class="line" title=${String(text ?? "").slice(0, 500)}>${oneLine(text ?? "", limit)}</span>`;
}

/** Who had the focus on something that goes finds it on what was around that. */
function useLeaving() {
  const ref = useRef(null);
  useLayoutEffect(() => () => {
    const one = ref.current;
    if (one && one === document.activeElement) one.closest(".panel, main")?.focus({ preventScroll: true });
  }, []);
  return ref;
}

/**
 * A button that does something on the server: waits for it, and tells what went wrong. It keeps the focus meanwhile,
 * which `disabled` would take.
 */
export function Act({ label, act, done, kind, title, disabled }) {
  const [busy, setBusy] = useState(false);
  const ref = useLeaving();
  const isOff = Boolean(busy || disabled);
  const clicked = async () => {
    if (isOff) return;
    setBusy(true);
    try {
      const told = await act();
      if (done) notice(typeof done === "function" ? done(told) : done);
    } catch (error) {
      notice(error.message, "bad");
    }
    setBusy(false);
  };
  return html`<button
    type="button"
    class=${kind}
    title=${title}
    ref=${ref}
    aria-disabled=${isOff ? "true" : undefined}
    aria-busy=${busy}
    onClick=${clicked}
  >
    ${label}
  </button>`;
}

export function Copy({ text, label = "Copy" }) {
  return html`<${Act} label=${label} kind="small" act=${() => navigator.clipboard.writeText(text())} done="Copied" />`;
}

export function Code({ value, label }) {
  const text = readable(value);
  if (!text) return html`<p class="quiet">Empty.</p>`;
  return html`<pre class="code" tabindex="0" role="region" aria-label=${label}>${text}</pre>`;
}

export function Search({ value, change, label }) {
  return html`<input
    type="search"
    class="search"
    aria-label=${label}
    placeholder=${label}
    value=${value}
    onInput=${(event) => change(event.target.value)}
  />`;
}

/** One of a few: {value: label}. */
export function Choice({ label, options, value, change }) {
  return html`<div class="choice" role="radiogroup" aria-label=${label}>
    ${Object.entries(options).map(
      ([one, text]) =>
        html`<button
          type="button"
          role="radio"
          key=${one}
          aria-checked=${value === one ? "true" : "false"}
          onClick=${() => change(one)}
        >
          ${text}
        </button>`,
    )}
  </div>`;
}

export function Toolbar({ title, total, children }) {
  return html`<header class="toolbar">
    <h1>${title}${total === undefined ? "" : html` <span class="quiet">${count(total)}</span>`}</h1>
    ${children}
  </header>`;
}

export function Empty({ title, children }) {
  return html`<div class="nothing">
    <p class="nothing-title">${title}</p>
    ${children}
  </div>`;
}

export function Facts({ of }) {
  return html`<dl class="facts">
    ${Object.entries(of)
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .map(
        ([name, value]) =>
          html`<div key=${name}>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
  </dl>`;
}

export function Field({ label, hint, children }) {
  return html`<label class="field"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>`;
}
