// Mistake: `if (task.results)`, which an empty list passes as well.
import { Client, POLL_MS, main } from "./node_correct.mjs";

class Mistaken extends Client {
  async wait(taskId) {
    for (;;) {
      await this.pause(POLL_MS);
      const task = await this.call("GET", `/v1/tasks/${taskId}`);
      if (task.results) return task;
      if (task.status === "failed") throw new Error("the task has failed");
    }
  }
}

await main(new Mistaken());
