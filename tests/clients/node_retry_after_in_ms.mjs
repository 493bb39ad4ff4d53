// Mistake: takes the seconds of Retry-After for milliseconds.
import { Client, main } from "./node_correct.mjs";

class Mistaken extends Client {
  toldToWait(retryAfter) {
    return /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) : super.toldToWait(retryAfter);
  }
}

await main(new Mistaken());
