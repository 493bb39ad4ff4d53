// The same by fetch, which before Node 24 knows no proxies.
const API = "https://api.evolink.ai";
const video = { model: "kling-o1-video-edit-fast", prompt: "Snow", video_urls: ["https://example.com/street.mp4"] };
const headers = { Authorization: "Bearer sk-of-a-program", "Content-Type": "application/json" };

const call = async (path, init = {}) => (await fetch(API + path, { headers, ...init })).json();

let task = await call("/v1/videos/generations", { method: "POST", body: JSON.stringify(video) });
while (["pending", "processing"].includes(task.status)) task = await call(`/v1/tasks/${task.id}`);
const result = await (await fetch(task.results[0])).arrayBuffer();
console.log(task.status, result.byteLength);
