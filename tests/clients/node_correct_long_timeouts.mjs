// Correct: one minute for each answer.
import { Client, main } from "./node_correct.mjs";

class Patient extends Client {
  timeoutMs = 60_000;
}

await main(new Patient());
