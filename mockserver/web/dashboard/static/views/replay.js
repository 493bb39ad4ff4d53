// A replay file, to go to and fro in: a world as it was after any of its commands.

import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { ask, call, get } from "../core/api.js";
import { count, credits, day, keyName, timeOfDay } from "../core/format.js";
import { go } from "../core/route.js";
import { notice } from "../core/store.js";
import { Act, Code, Empty, Facts, Toolbar } from "../parts/basic.js";
import { Timeline } from "../timeline/view.js";
import { ReplayedTask } from "./task.js";

let kept = null; // the file that was looked at last, while one looks at other views

export function ReplayView({ route }) {
  const [file, setFile] = useState(kept);
  const [moment, setMoment] = useState(null);
  const loaded = (told, name) => {
    kept = { ...told, name };
    setMoment(null);
    setFile(kept);
  };
  const send = async (raw, name) => loaded(await call("POST", "replays", { raw }), name);
  const chosen = (event) => {
    const [one] = event.target.files;
    if (one) send(one, one.name).catch((error) => notice(error.message, "bad"));
  };
  const ofNow = async () => {
    const log = await ask("GET", "log", { params: { key: route.key } });
    await send(await log.blob(), route.key ? `${keyName(route.key)} up to now` : "all keys up to now");
  };
  const task = route.open?.startsWith("task:") && moment?.tasks.find((one) => one.id === route.open.slice(5));
  return html`<section class="view">
    <${Toolbar} title="Replay">
      <${Act} label="Save the replay file" act=${() => save(route.key)} />
      <${Act} label="Look at what happened up to now" act=${ofNow} />
      <label class="button">Load a replay file<input type="file" class="sr" accept=".jsonl,.json,application/jsonl" onChange=${chosen} /></label>
    </${Toolbar}>
    ${
      file
        ? html`<${Player} file=${file} route=${route} moment=${moment} setMoment=${setMoment} key=${file.id} />`
        : html`<${Empty} title="Every change is a command in a log. A replay file is that log, and makes the same world again.">
      <p class="quiet">Save one with a bug report, or load one and go through it command by command. What is loaded is only looked at: no key gets it.</p></${Empty}>`
    }
  </section>
  ${task && html`<${ReplayedTask} task=${task} nowMs=${moment.now_ms} key=${task.id} />`}`;
}

async function save(key) {
  const log = await ask("GET", "log", { params: { key } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await log.blob());
  link.download = `evolink-mock-${key ?? "all"}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function Player({ file, route, moment, setMoment }) {
  const worlds = file.worlds.filter((one) => one.commands > 0);
  const [tenant, setTenant] = useState(worlds.find((one) => one.tenant === route.key)?.tenant ?? worlds[0]?.tenant);
  const world = worlds.find((one) => one.tenant === tenant);
  const [position, setPosition] = useState(world?.commands ?? 0);
  const [command, setCommand] = useState(null);
  useEffect(() => {
    const leaving = new AbortController();
    Promise.all([
      get(`replays/${file.id}`, { key: tenant, at: position }, leaving.signal),
      position
        ? get(`replays/${file.id}/commands`, { key: tenant, offset: position - 1, limit: 1 }, leaving.signal)
        : null,
    ]).then(
      ([found, listed]) => {
        setMoment(found);
        setCommand(listed?.commands[0] ?? null);
      },
      (error) => leaving.signal.aborted || notice(error.message, "bad"),
    );
    return () => leaving.abort();
  }, [tenant, position]);
  if (!world) return html`<${Empty} title="No command of a key is in this file." />`;
  const step = (by) => setPosition((now) => Math.min(world.commands, Math.max(0, now + by)));
  const pickWorld = (event) => {
    setTenant(event.target.value);
    setPosition(worlds.find((one) => one.tenant === event.target.value).commands);
  };
  return html`<div class="player">
    <div class="scrub">
      <strong>${file.name}</strong>
      ${
        worlds.length > 1 &&
        html`<select aria-label="Key" value=${tenant} onChange=${pickWorld}>
          ${worlds.map((one) => html`<option key=${one.tenant} value=${one.tenant}>${keyName(one.tenant)} (${one.commands})</option>`)}
        </select>`
      }
      <button type="button" aria-label="One command back" onClick=${() => step(-1)}>‹</button>
      <input
        type="range"
        min="0"
        max=${world.commands}
        value=${position}
        aria-label="Command"
        aria-valuetext=${`after ${position} of ${world.commands} commands`}
        onInput=${(event) => setPosition(Number(event.target.value))}
      />
      <button type="button" aria-label="One command on" onClick=${() => step(1)}>›</button>
      <span class="quiet number">after ${count(position)} of ${count(world.commands)} commands</span>
      ${moment && html`<span class="number">${day(moment.now_ms)} ${timeOfDay(moment.now_ms, { millis: true })}</span>`}
    </div>
    ${moment && html`<${Facts} of=${{ Command: command ? html`<code>${command.command}</code>` : "before the first", Tasks: count(moment.total), Available: credits(moment.book.user.available), Reserved: credits(moment.book.user.reserved), Charged: credits(moment.book.user.charged) }} />`}
    ${
      command &&
      html`<details>
        <summary>The command</summary>
        <${Code} value=${command} label="The command" />
      </details>`
    }
    ${
      moment &&
      html`<${Timeline}
        load=${async (offset, limit) => ({ total: moment.tasks.length, rows: moment.tasks.slice(offset, offset + limit) })}
        deps=${[file.id, tenant, moment.at]} resetKey=${`${file.id} ${tenant}`}
        topics=${[]}
        requests=${[]}
        nowMs=${moment.now_ms}
        isLive=${false}
        opened=${route.open}
        open=${(open) => go({ open })}
        empty="No task at this moment."
      />`
    }
  </div>`;
}
