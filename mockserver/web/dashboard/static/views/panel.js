// The panel at the side that shows one thing whole.

import { html, useLayoutEffect, useRef } from "../vendor/htm-preact.js";
import { go } from "../core/route.js";

export function Panel({ title, children, error }) {
  const ref = useRef(null);
  const back = useRef(document.activeElement);
  // As soon as it is seen: Escape pressed at once would go to what is beneath.
  useLayoutEffect(() => {
    ref.current.focus({ preventScroll: true });
    return () => back.current?.isConnected && back.current.focus({ preventScroll: true });
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
