// Correct: the callback goes to another process, which leaves what came in a folder; without an id it ends at once.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BODY, Client, GivenUp, main } from "./node_correct.mjs";

class Waiting extends Client {
  tries = 1;

  async run() {
    this.folder = mkdtempSync(join(tmpdir(), "client-"));
    const receiver = spawn("python3", [join(import.meta.dirname, "beside", "receiver.py"), this.folder]);
    try {
      this.body = { ...BODY, callback_url: await this.waitFor("url") };
      await super.run();
    } finally {
      receiver.kill();
      rmSync(this.folder, { recursive: true });
    }
  }

  async wait(taskId) {
    const task = JSON.parse(await this.waitFor(taskId));
    if (task.status !== "completed") throw new GivenUp(`the task has ${task.status}`);
    return task;
  }

  async waitFor(name) {
    const deadline = Date.now() + 40_000;
    while (Date.now() < deadline) {
      if (existsSync(join(this.folder, name))) return readFileSync(join(this.folder, name), "utf8");
      await this.pause(100);
    }
    throw new GivenUp("nothing came");
  }
}

await main(new Waiting());
