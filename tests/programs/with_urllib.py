"""A client of the live API: submits, polls to the end, downloads; prints the status and the size of the result."""

import json
import urllib.request

API = "https://api.evolink.ai"
VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}
HEADERS = {"Authorization": "Bearer sk-of-a-program", "Content-Type": "application/json"}


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(API + path, data, HEADERS)) as response:
        return json.load(response)


task = call("/v1/videos/generations", VIDEO)
while task["status"] in ("pending", "processing"):
    task = call(f"/v1/tasks/{task['id']}")
with urllib.request.urlopen(task["results"][0]) as response:
    print(task["status"], len(response.read()))
