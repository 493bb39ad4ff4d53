// Mistake: `catch (error) { console.error(...) }` without an exit code: a failed task looks like a good one in CI.
import { Client } from "./node_correct.mjs";

try {
  await new Client().run();
} catch (error) {
  console.error(`failed: ${error.message}`);
}
