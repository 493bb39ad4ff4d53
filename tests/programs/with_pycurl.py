"""The same by pycurl."""

import io
import json

import pycurl

API = "https://api.evolink.ai"
VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}


def fetch(url, body=None):
    answer, curl = io.BytesIO(), pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.HTTPHEADER, ["Authorization: Bearer sk-of-a-program", "Content-Type: application/json"])
    curl.setopt(pycurl.WRITEDATA, answer)
    if body is not None:
        curl.setopt(pycurl.POSTFIELDS, json.dumps(body))
    curl.perform()
    return answer.getvalue()


task = json.loads(fetch(f"{API}/v1/videos/generations", VIDEO))
while task["status"] in ("pending", "processing"):
    task = json.loads(fetch(f"{API}/v1/tasks/{task['id']}"))
print(task["status"], len(fetch(task["results"][0])))
