// The same by node:https.
const http = require("node:http");
const https = require("node:https");

const headers = { Authorization: "Bearer sk-of-a-program", "Content-Type": "application/json" };
const video = { model: "kling-o1-video-edit-fast", prompt: "Snow", video_urls: ["https://example.com/street.mp4"] };

function read(url, method = "GET", body = "") {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith("https:") ? https : http).request(url, { method, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks)));
    });
    request.on("error", reject);
    request.end(body);
  });
}

(async () => {
  const api = "https://api.evolink.ai/v1";
  let task = JSON.parse(await read(`${api}/videos/generations`, "POST", JSON.stringify(video)));
  while (["pending", "processing"].includes(task.status)) task = JSON.parse(await read(`${api}/tasks/${task.id}`));
  console.log(task.status, (await read(task.results[0])).length);
})();
