// Correct: a dead link is asked for afresh, three times, then it is an error.
import { Client, GivenUp, POLL_MS, main } from "./node_correct.mjs";

class Fresh extends Client {
  async fetchAll(task) {
    for (let left = 2; ; left--) {
      try {
        return await super.fetchAll(task);
      } catch (error) {
        if (!left) throw new GivenUp(`no link works: ${error.message}`);
      }
      await this.pause(POLL_MS);
      task = await this.call("GET", `/v1/tasks/${task.id}`);
    }
  }
}

await main(new Fresh());
