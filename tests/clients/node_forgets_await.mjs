// Mistake: `this.pause(...)` without await in the loop, so the queries follow each other without any pause.
import { Client, POLL_MS, main } from "./node_correct.mjs";

class Mistaken extends Client {
  async wait(taskId) {
    for (;;) {
      this.pause(POLL_MS / 10);
      const task = await this.call("GET", `/v1/tasks/${taskId}`);
      if (task.status === "completed") return task;
      if (task.status === "failed") throw new Error("the task has failed");
    }
  }
}

await main(new Mistaken());
