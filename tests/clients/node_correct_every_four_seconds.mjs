// Correct: asks every four seconds, whatever anybody says.
import { Client, main } from "./node_correct.mjs";

class Calm extends Client {
  pause(ms) {
    return super.pause(Math.max(ms, 4000));
  }
}

await main(new Calm());
