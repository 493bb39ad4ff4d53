// What a person beside you would say.

import { html, useState } from "../vendor/htm-preact.js";
import { counted, keyName } from "../core/format.js";
import { useShared } from "../core/hooks.js";
import { go } from "../core/route.js";
import { Time } from "../parts/basic.js";
import { Panel } from "./panel.js";

/** The newest hint, until it is waved away. */
export function HintBar() {
  const hints = useShared((shared) => shared.hints);
  const [waved, setWaved] = useState(0);
  const fresh = hints.slice(waved);
  if (waved > hints.length) setWaved(0);
  if (!fresh.length) return null;
  const newest = fresh.at(-1);
  const wave = (event) => {
    setWaved(hints.length);
    event.currentTarget.closest("main").focus({ preventScroll: true }); // the button goes with the bar
  };
  return html`<div class="hint-bar" role="status">
    <span class="hint-word">Hint</span>
    <button type="button" class="hint-text" onClick=${() => follow(newest)}>${newest.text}</button>
    ${
      fresh.length > 1 &&
      html`<button type="button" class="small" onClick=${() => go({ open: "hints:all" })}>
        ${`${counted(hints.length, "hint")}`}
      </button>`
    }
    <button type="button" class="close small" aria-label="Wave the hint away" onClick=${wave}>
      ✕
    </button>
  </div>`;
}

export function HintsPanel() {
  const hints = useShared((shared) => shared.hints);
  return html`<${Panel} title=${counted(hints.length, "hint")}>
    <ul class="hint-list">
      ${[...hints].reverse().map(
        (one, index) =>
          html`<li key=${index}>
            <button type="button" class="hint" onClick=${() => follow(one)}>
              <small class="quiet"
                >${one.kind.replaceAll("_", " ")} · ${one.tenant ? keyName(one.tenant) : "no key"}${" · "}
                <${Time} ms=${one.at_ms}
              /></small>
              <span>${one.text}</span>
            </button>
          </li>`,
      )}
    </ul>
  </${Panel}>`;
}

/** Those about one task. */
export function HintsOfTask({ id }) {
  const hints = useShared((shared) => shared.hints).filter((one) => one.task_id === id);
  return hints.map((one, index) => html`<p class="hint" key=${index}>${one.text}</p>`);
}

function follow(hint) {
  if (hint.task_id) go({ open: `task:${hint.task_id}` });
  else if (hint.request !== undefined) go({ open: `request:${hint.request}` });
  else go({ open: "hints:all" });
}
