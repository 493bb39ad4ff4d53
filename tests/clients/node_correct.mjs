// Correct: Node, its own fetch. The others of this language differ from it in one mistake each.
import { randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";

const BASE = process.env.EVOLINK_BASE_URL;
const KEY = process.env.EVOLINK_API_KEY;
export const POLL_MS = 1000 * Number(process.env.POLL_SECONDS ?? "3");
export const BODY = {
  model: "kling-o1-video-edit-fast",
  prompt: "Make it snow",
  video_urls: ["https://example.com/street.mp4"],
};

export class GivenUp extends Error {}

export class Client {
  tries = 5;
  timeoutMs = 3000;
  body = BODY;

  async run() {
    await this.fetchAll(await this.wait(await this.submit()));
  }

  async fetchAll(task) {
    for (const link of task.results) {
      const result = await fetch(link, { signal: AbortSignal.timeout(this.timeoutMs) });
      if (!result.ok) throw new GivenUp(`the result is not there: ${result.status}`);
      await result.arrayBuffer();
    }
  }

  async submit() {
    const headers = { "Idempotency-Key": randomUUID() };
    return (await this.call("POST", "/v1/videos/generations", this.body, headers)).id;
  }

  async wait(taskId) {
    const deadline = Date.now() + 900_000;
    while (Date.now() < deadline) {
      await this.pause(POLL_MS);
      const task = await this.call("GET", `/v1/tasks/${taskId}`);
      if (task.status === "completed") return task;
      if (!["pending", "processing"].includes(task.status)) throw new GivenUp(`the task has ${task.status}`);
    }
    throw new GivenUp("it takes too long");
  }

  // The answer as JSON; trouble that may pass is waited for.
  async call(method, path, body, headers = {}) {
    for (let left = this.tries - 1; ; left--) {
      let pauseMs = POLL_MS;
      try {
        const response = await this.send(method, path, body, headers);
        if (![429, 500, 502, 503].includes(response.status)) {
          if (!response.ok) throw new GivenUp(`${response.status}: ${await response.text()}`);
          return await response.json();
        }
        pauseMs = this.toldToWait(response.headers.get("retry-after"));
        await response.text();
        if (!left) throw new GivenUp(`${response.status} again and again`);
      } catch (error) {
        if (error instanceof GivenUp || !left) throw error;
      }
      await this.pause(pauseMs);
    }
  }

  send(method, path, body, headers) {
    return fetch(BASE + path, {
      method,
      body: body && JSON.stringify(body),
      headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json", ...headers },
      signal: AbortSignal.timeout(this.timeoutMs),
    });
  }

  toldToWait(retryAfter) {
    if (retryAfter === null) return POLL_MS;
    if (/^\d+$/.test(retryAfter)) return 1000 * Number(retryAfter);
    return Math.max(0, Date.parse(retryAfter) - Date.now());
  }

  pause(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}

export async function main(client) {
  try {
    await client.run();
  } catch (error) {
    console.error(`failed: ${error.message}`);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(new Client());
