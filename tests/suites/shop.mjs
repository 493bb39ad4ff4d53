// The same shop for `node --test`, against the mock at MOCKSERVER_URL: it passes, and three of its tests make a mistake.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Mock } from "./mock.mjs";

const VIDEO = { model: "kling-o1-video-edit-fast", prompt: "Snow", video_urls: ["https://example.com/street.mp4"] };
let mock, tests = 0;

beforeEach(async () => {
  mock = new Mock(`sk-node-shop-${process.pid}-${++tests}`);
  await mock.holdClock();
});

const headers = () => ({ authorization: `Bearer ${mock.key}`, "content-type": "application/json" });
const task = async (id) => (await fetch(`${mock.url}/v1/tasks/${id}`, { headers: headers() })).json();

// A lost answer is asked for again - as another order: the first mistake.
async function order(tries = 1) {
  try {
    const asked = { method: "POST", headers: headers(), body: JSON.stringify(VIDEO) };
    return (await (await fetch(`${mock.url}/v1/videos/generations`, asked)).json()).id;
  } catch (error) {
    if (tries > 1) return order(tries - 1);
    throw error;
  }
}

// The key goes along to the host of the results: the second mistake.
async function video(id) {
  const [link] = (await task(id)).results;
  return (await fetch(link, { headers: headers() })).arrayBuffer();
}

test("an order is made", async () => {
  assert.match(await order(), /^task-unified-/);
});

test("a lost answer is asked for again", async () => {
  await mock.script("lost", { times: 1, then: { fault: "closed_after_accept" } });
  assert.match(await order(2), /^task-unified-/);
});

test("a video is fetched", async () => {
  const id = await order();
  await mock.advance({ seconds: 10 });
  assert.ok((await video(id)).byteLength);
});

// It asks on and on for a task that has ended: the third mistake.
test("a page of orders shows their state", async () => {
  const id = await order();
  await mock.advance({ seconds: 10 });
  for (let look = 0; look < 5; look++) assert.equal((await task(id)).status, "completed");
});

test("a failure costs nothing", async () => {
  await mock.control("POST", `/tasks/${await order()}/fail`, { code: "service_error" });
  assert.equal(await mock.charged(), 0);
});
