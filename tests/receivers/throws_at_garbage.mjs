// Wrong: JSON.parse throws in an event handler, nobody catches it, and the process ends.
// node throws_at_garbage.mjs PORT
import { createServer } from "node:http";

const ENDS = ["completed", "failed", "cancelled"];
const LIMIT = 1024 * 1024;
const done = {};

function finish(body, response) {
  const task = JSON.parse(body);
  if (typeof task?.id !== "string" || typeof task.status !== "string") return response.writeHead(400).end();
  if (ENDS.includes(task.status)) done[task.id] ??= { status: task.status, files: task.results ?? [] };
  return response.writeHead(204).end();
}

const server = createServer((request, response) => {
  if (request.method === "GET") return response.end(JSON.stringify(done));
  const pieces = [];
  let length = 0;
  request.on("data", (piece) => {
    length += piece.length;
    if (length <= LIMIT) pieces.push(piece);
  });
  request.on("end", () => (length > LIMIT ? response.writeHead(413).end() : finish(Buffer.concat(pieces).toString(), response)));
});

server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(server.address().port));
