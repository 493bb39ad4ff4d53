// Correct: the Idempotency-Key is that of the job, so that a second run gets what the first has paid for.
import { createHash } from "node:crypto";
import { BODY, Client, main } from "./node_correct.mjs";

class Idempotent extends Client {
  async submit() {
    const digest = createHash("sha256").update(JSON.stringify(BODY)).digest("hex");
    const headers = { "Idempotency-Key": `job-${digest.slice(0, 40)}` };
    return (await this.call("POST", "/v1/videos/generations", BODY, headers)).id;
  }
}

await main(new Idempotent());
