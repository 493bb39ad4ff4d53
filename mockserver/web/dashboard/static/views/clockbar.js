// The clock, and what moves it: of the key that is looked at, or of the server.

import { html, useState } from "../vendor/htm-preact.js";
import { call } from "../core/api.js";
import { isRunning, pace, untilNext } from "../core/clock.js";
import { counted, day, duration, exact, keyName, timeOfDay } from "../core/format.js";
import { useNow, useShared } from "../core/hooks.js";
import { Act } from "../parts/basic.js";

const STEPS = { "+1 s": 1_000, "+10 s": 10_000, "+1 h": 3_600_000 };
const SPEEDS = [1, 2, 10, 60, 600, 3_600];

export function ClockBar({ route }) {
  const nowMs = useNow();
  const clock = useShared((shared) => shared.clock);
  const [open, setOpen] = useState(false);
  const fixed = useShared((shared) => Boolean(shared.health?.node)) && !route.key;
  if (!clock) return html`<div class="clock" aria-label="Clock"></div>`;
  const params = { key: route.key };
  const change = (body) => () => call("PUT", "clock", { params, body });
  const advance = (body) => () => call("POST", "clock/advance", { params, body });
  const fired = (told) => `${counted(told.fired_count, "event")} fired; it is ${timeOfDay(told.now_ms)}`;
  const next = untilNext(clock, nowMs);
  const whose = route.key
    ? clock.own
      ? `clock of ${keyName(route.key)}`
      : "the server's clock"
    : "the server's clock";
  const speeds = SPEEDS.includes(clock.speed) ? SPEEDS : [clock.speed, ...SPEEDS];
  const told = `${duration(next ?? 0)}`;
  return html`<div class="clock" role="group" aria-label="Clock">
    <button
      type="button"
      class="clock-face"
      aria-expanded=${open}
      title=${`${exact(nowMs)}: ${whose}${fixed ? ", real time for all nodes; a key may have one of its own" : ""}`}
      onClick=${() => setOpen(!open)}
    >
      <span class="clock-time">${timeOfDay(nowMs)}</span
      ><span class="clock-day">${day(nowMs)} · ${pace(clock)}${route.key && clock.own ? " · own" : ""}</span>
    </button>
    <div class=${`clock-levers${open ? " is-open" : ""}`} hidden=${fixed}>
      ${isRunning(clock) ? html`<${Act} label="Pause" act=${change({ mode: "manual" })} />` : html`<${Act} label="Run" kind="primary" act=${change({ mode: "real" })} />`}
      ${Object.entries(STEPS).map(([label, ms]) => html`<${Act} key=${label} label=${label} act=${advance({ ms })} done=${fired} />`)}
      <${Act}
        label=${next === null ? "Next: nothing due" : `Next, in ${told}`}
        kind="next-due"
        title="Go to the moment at which something happens next"
        disabled=${next === null}
        act=${advance({ to_next: true })}
        done=${fired}
      />
      <label class="speed"
        ><span class="sr">Speed</span
        ><select
          value=${String(clock.speed)}
          onChange=${(event) => change({ mode: "real", speed: Number(event.target.value) })()}
        >
          ${speeds.map((one) => html`<option key=${one} value=${String(one)}>×${one}</option>`)}
        </select></label
      >
      ${route.key && clock.own && html`<${Act} label="Follow the server" act=${change({ mode: "server" })} />`}
    </div>
  </div>`;
}
