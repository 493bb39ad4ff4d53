// The panel at the side that shows one thing whole.

import { html, useLayoutEffect, useRef } from "../vendor/htm-preact.js";
import { go } from "../core/route.js";

let opener = null; // what opened the panel that stands, or the first of those that led to it

const before = () => (document.activeElement?.closest(".panel") ? opener : document.activeElement);

export function Panel({ title, children, error }) {
  const ref = useRef(null);
  const back = useRef(before());
  // As soon as it is seen: Escape pressed at once would go to what is beneath.
  useLayoutEffect(() => {
    opener = back.current;
    ref.current.focus({ preventScroll: true });
    return () => {
      const one = back.current?.isConnected ? back.current : document.querySelector("main");
      one?.focus({ preventScroll: true });
    };
  }, []);
  const pressed = (event) => event.key === "Escape" && go({ open: null });
  return html`<aside class="panel" aria-label=${title} tabindex="-1" ref=${ref} onKeyDown=${pressed}>
    <header class="panel-head">
      <h2>${title}</h2>
      <button type="button" class="close" aria-label="Close" title="Close (Esc)" onClick=${() => go({ open: null })}>
        ✕
      </button>
    </header>
    <div class="panel-body">
      ${error ? html`<p class="bad" role="alert">${error.message}</p>` : (children ?? html`<p class="quiet">Loading…</p>`)}
    </div>
  </aside>`;
}
