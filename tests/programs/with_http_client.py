"""The same by http.client, which knows no proxies."""

import http.client
import json
from urllib.parse import urlsplit

VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}
HEADERS = {"Authorization": "Bearer sk-of-a-program", "Content-Type": "application/json"}

connection = http.client.HTTPSConnection("api.evolink.ai")


def call(method, path, body=None):
    connection.request(method, path, body, HEADERS)
    return json.load(connection.getresponse())


task = call("POST", "/v1/videos/generations", json.dumps(VIDEO))
while task["status"] in ("pending", "processing"):
    task = call("GET", f"/v1/tasks/{task['id']}")
link = urlsplit(task["results"][0])
download = http.client.HTTPConnection(link.netloc)
download.request("GET", link.path)
print(task["status"], len(download.getresponse().read()))
download.close()
connection.close()
