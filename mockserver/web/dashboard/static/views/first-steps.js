// What to do where nothing has happened yet.

import { html } from "../vendor/htm-preact.js";
import { base } from "../core/api.js";
import { useShared } from "../core/hooks.js";
import { Copy, Empty } from "../parts/basic.js";

export function FirstSteps() {
  const model = useShared((shared) => shared.health?.models?.[0]) ?? "kling-o1-video-edit-fast";
  const body = JSON.stringify({ model, prompt: "Let it snow", video_urls: ["https://example.com/street.mp4"] });
  const command = `curl ${base()}/v1/videos/generations \\\n  -H 'Authorization: Bearer sk-any-key-will-do' \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
  return html`<${Empty} title="No task yet. Point your client here, or send the first one from a shell:">
    <pre class="code" tabindex="0" role="region" aria-label="A first request">${command}</pre>
    <${Copy} text=${() => command} label="Copy the command" />
    <p class="quiet">Base URL for your client: <code>${base()}</code> · any API key will do · <a href="docs">the documents</a></p>
  </${Empty}>`;
}
