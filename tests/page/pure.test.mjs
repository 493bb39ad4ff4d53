// What the page works out without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

const at = (name) => import(new URL(`../../mockserver/web/dashboard/static/${name}`, import.meta.url));
const { reader } = await at("core/sse.js");
const { curl, quoted } = await at("core/curl.js");
const { statement, balances } = await at("core/statement.js");
const { why, story } = await at("core/why.js");
const { parse, written } = await at("core/route.js");
const { anchored, moveTo, visible, windowAround } = await at("parts/window.js");
const { fit, following, ticks, x, at: momentAt, zoom } = await at("timeline/scale.js");
const { bars, marks, moments, placed, refusals } = await at("timeline/marks.js");
const { credits, duration, keyName, readable, tail } = await at("core/format.js");
const { fitting, goesOn, grouped } = await at("core/group.js");
const { changes } = await at("views/account-form.js");
const { nowOf, untilNext } = await at("core/clock.js");

const TASK = {
  id: "task-unified-1-abc",
  state: "completed",
  submitted_ms: 1000,
  starts_ms: 1200,
  ends_ms: 6000,
  ended_ms: 6000,
  reserved_uc: 70_000,
  links_expire_ms: 86_406_000,
};
const attempt = (number, at_ms, more) => ({ number, at_ms, due_ms: at_ms, ended_ms: at_ms + 5, ...more });

test("a stream cut anywhere gives the same events", () => {
  const text = 'event: pulse\ndata: {"a":1}\n\n: still here\n\nevent: task.submitted\ndata: {"b":2}\n\n';
  const whole = reader()(text);
  assert.deepEqual(
    whole.map((one) => one.type),
    ["pulse", "task.submitted"],
  );
  for (let cut = 0; cut <= text.length; cut += 1) {
    const read = reader();
    assert.deepEqual([...read(text.slice(0, cut)), ...read(text.slice(cut))], whole);
  }
});

test("whatever is in a request, its curl line is one word a part", () => {
  assert.equal(quoted("it's $HOME `x`"), "'it'\\''s $HOME `x`'");
  const line = curl(
    {
      method: "POST",
      path: "/v1/x",
      query: "a=1&b='",
      headers: { authorization: "Bearer …mock", host: "h", "x-a": "'; rm -rf /" },
      body: { prompt: "'" },
    },
    "http://h",
  );
  assert.match(line, /Bearer \$EVOLINK_API_KEY/);
  assert.ok(line.includes(`-H 'x-a: '\\''; rm -rf /'`));
  assert.ok(!line.includes("-X POST"));
});

test("a statement ends where the balance is and begins with nothing", () => {
  const transfers = [
    { kind: "grant", amount_uc: 100, account: "user", at_ms: 1 },
    { kind: "pending", amount_uc: 30, account: "user+token", at_ms: 2 },
    { kind: "grant", amount_uc: 50, account: "token", at_ms: 2 },
    { kind: "posted", amount_uc: 30, account: "user+token", at_ms: 3 },
  ];
  const user = { granted: 100, available: 70, reserved: 0, charged: 30 };
  const { lines, opening } = statement({ user, transfers });
  assert.deepEqual(lines[0].balance, user);
  assert.deepEqual(opening, { granted: 0, available: 0, reserved: 0, charged: 0 });
  assert.ok(lines.every((one) => balances(one.balance)));
});

const WHY = [
  [{ callback_url: undefined }, "none", /named no callback_url/],
  [
    {
      callbacks: [
        {
          id: "callback-abc-1",
          state: "delivered",
          attempts: [attempt(1, 6000, { status: 500 }), attempt(2, 7000, { status: 200 })],
        },
      ],
    },
    "good",
    /answered 200, at attempt 2/,
  ],
  [
    {
      callbacks: [
        {
          id: "c-1",
          state: "given_up",
          attempts: [1, 2, 3, 4].map((one) => attempt(one, 6000, { error: "connection refused" })),
        },
      ],
    },
    "bad",
    /given up after 4 attempts\. Each time: connection refused\. Is the receiver running/,
  ],
  [
    { callbacks: [{ id: "c-1", state: "given_up", attempts: [attempt(1, 6000, { status: 302 })] }] },
    "bad",
    /Redirects are not followed/,
  ],
  [
    { callbacks: [{ id: "c-1", state: "planned", due_ms: 9000, attempts: [attempt(1, 6000, { status: 500 })] }] },
    "wait",
    /tried again in 2 s, once the clock moves: it is paused/,
  ],
  [{ callbacks: [{ id: "c-1", state: "sending", attempts: [attempt(1, 6000, {})] }] }, "wait", /has not answered yet/],
  [{ callbacks: [], effect: { callback: { copies: 0 } } }, "bad", /asked for none/],
];
for (const [more, kind, text] of WHY) {
  test(`why: ${text.source}`, () => {
    const told = why({ ...TASK, callback_url: "https://x", ...more }, 7000, { mode: "manual" }).at(-1);
    assert.equal(told.kind, kind);
    assert.match(told.text, text);
  });
}

test("a life is told in order, with what is to come", () => {
  const task = {
    ...TASK,
    callbacks: [{ id: "c-1", state: "planned", due_ms: 8000, attempts: [attempt(1, 6000, { status: 500 })] }],
  };
  const steps = story(
    task,
    [
      { sequence: 1, method: "POST", status: 200, at_ms: 1000, path: "/v1" },
      { sequence: 2, method: "GET", status: 200, at_ms: 3000, path: "/v1/tasks/x" },
    ],
    7000,
  );
  assert.deepEqual(
    steps.map((one) => one.kind),
    ["submitted", "started", "poll", "completed", "undelivered", "planned", "expiry"],
  );
  assert.deepEqual(
    steps.filter((one) => one.planned).map((one) => one.at_ms),
    [8000, 86_406_000],
  );
});

test("where one is survives its address, whatever the id", () => {
  for (const open of [null, "task:a&b=c#d?e", "request:7"]) {
    const route = { view: "tasks", key: "6789-ab/c", open };
    assert.deepEqual(parse(written(route)), route);
  }
  assert.equal(parse("#/nonsense?x").view, "timeline");
});

test("a window of a long list has all that is in view", () => {
  for (const [top, total] of [
    [0, 0],
    [0, 5],
    [3_399_000, 100_000],
    [1e9, 100_000],
    [17_000, 100_000],
  ]) {
    const { first, count } = visible(top, 700, 34, total);
    assert.ok(first >= 0 && first + count <= Math.max(0, total) && count < 40);
    const part = windowAround(first, count, null);
    assert.ok(part.offset <= first && first + count <= part.offset + part.limit && part.limit <= 1000);
    assert.equal(windowAround(first, count, part), part);
  }
  assert.equal(anchored(0, 10, 20, 34), 0);
  assert.equal(anchored(340, 10, 20, 34), 680);
  assert.deepEqual(
    ["ArrowDown", "Home", "End", "x"].map((key) => moveTo(key, 3, 10, 5)),
    [4, 0, 9, null],
  );
});

test("the axis: places and moments are each other's, ticks are round and few", () => {
  const span = fit([1000, 6000]);
  assert.ok(x(span, 800, 1000) > 0 && x(span, 800, 6000) < 800);
  for (const px of [0, 123, 800]) assert.ok(Math.abs(x(span, 800, momentAt(span, 800, px)) - px) < 1e-6);
  const near = zoom(span, 0.5, 3000);
  assert.ok(Math.abs(x(near, 800, 3000) - x(span, 800, 3000)) < 1e-6);
  assert.ok(following(span, 9000).to > 9000);
  for (const length of [5, 1e3, 6e4, 1e9, 1e12]) {
    const { step, moments: found } = ticks({ from: 1.7e12, to: 1.7e12 + length }, 900);
    assert.ok(found.length <= 11, `${length}: ${found.length}`);
    assert.ok(found.every((one) => one % step === 0));
  }
  assert.equal(fit([]), null);
});

test("a task is drawn as far as it has come", () => {
  assert.deepEqual(
    bars(TASK, 9e9).map((one) => one.kind),
    ["waiting", "completed"],
  );
  const open = { ...TASK, state: "processing", ended_ms: undefined, links_expire_ms: undefined };
  assert.deepEqual(
    bars(open, 3000).map((one) => [one.kind, one.from, one.to]),
    [
      ["waiting", 1000, 1200],
      ["working", 1200, 3000],
      ["ahead", 3000, 6000],
    ],
  );
  assert.deepEqual(
    bars({ ...TASK, state: "cancelled", ended_ms: 1100 }, 9e9).map((one) => one.kind),
    ["cancelled"],
  );
  assert.ok(Math.max(...moments(TASK)) < TASK.links_expire_ms);
});

test("ten thousand polls are as many ticks as there are pixels", () => {
  const polls = Array.from({ length: 10_000 }, (_, index) => ({
    method: "GET",
    status: 200,
    path: "/v1/tasks/x",
    at_ms: 1000 + index / 2,
    sequence: index,
  }));
  const shown = placed(marks(TASK, polls), (atMs) => (atMs - 1000) / 10, 500);
  assert.ok(shown.length < 510);
  assert.equal(placed(marks(TASK, polls), (atMs) => atMs, 500).filter((one) => one.kind === "expiry").length, 0);
});

test("the journal is told apart by task, and searched", () => {
  const lines = [
    { sequence: 1, task_id: "t", method: "GET", path: "/a", status: 200 },
    { sequence: 2, task_id: null, method: "POST", path: "/b", status: 400, message: "prompt: received" },
  ];
  const { byTask, others } = grouped(lines);
  assert.deepEqual([byTask.get("t").length, others.map((one) => one.sequence)], [1, [2]]);
  assert.deepEqual(
    fitting(lines, "PROMPT 400", "refused").map((one) => one.sequence),
    [2],
  );
  assert.deepEqual(fitting(lines, "", "submissions").length, 1);
});

test("words for values", () => {
  assert.equal(credits(70_001), "7.0001");
  assert.deepEqual([0, 999, 4_200, 60_000, 200_000, 90_000_000, -1_500].map(duration), [
    "0 ms",
    "999 ms",
    "4.2 s",
    "1 min",
    "3 min 20 s",
    "1 d 1 h",
    "−1.5 s",
  ]);
  assert.equal(keyName("6789-61b270465468"), "…6789");
  assert.equal(keyName("short-61b270465468"), "key 61b270");
  assert.equal(tail("task-unified-1757169743-7cvnl5zw"), "7cvnl5zw");
  assert.ok(readable("x".repeat(1_000_000)).length < 50_000);
  assert.equal(readable({ prompt: "مرحبا \u202eabc" }), '{\n  "prompt": "مرحبا \\u202eabc"\n}');
});

test("a form says what was written", () => {
  assert.deepEqual(
    changes({ credits: "12.5", token_credits: "", models: "a, b,", state: "expired", concurrent_tasks: "x" }),
    { credits: 12.5, token_credits: null, models: ["a", "b"], state: "expired", concurrent_tasks: "x" },
  );
});

test("a clock that runs goes on between pulses, one that does not stands", () => {
  assert.equal(nowOf({ mode: "real", now_ms: 1000, speed: 60 }, 500), 31_000);
  assert.equal(nowOf({ mode: "manual", now_ms: 1000, speed: 60 }, 500), 1000);
  assert.equal(untilNext({ next_due_ms: 5 }, 10), 0);
  assert.equal(untilNext({}, 10), null);
});

test("a refusal is in the picture, also where there is no task yet", () => {
  const others = [
    { status: 400, at_ms: 5 },
    { status: 200, at_ms: 900 },
    { status: 429, at_ms: 2000 },
  ];
  assert.deepEqual(refusals(others, []), [5, 2000]);
  assert.deepEqual(refusals(others, [TASK]), [2000]);
});

test("a journal that counts from 1 again is another, however long it has become", () => {
  const known = [1, 2].map((sequence) => ({ sequence, real_ms: 1_000 + sequence }));
  const later = { sequence: 3, real_ms: 1_003 };
  assert.ok(goesOn(known, [known[1], later]));
  assert.ok(!goesOn(known, [1, 2, 3].map((sequence) => ({ sequence, real_ms: 9_000 + sequence }))));
  assert.ok(!goesOn(known, []));
});
