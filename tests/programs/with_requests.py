"""The same by requests."""

import requests

API = "https://api.evolink.ai"
VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}

with requests.Session() as session:
    session.headers["Authorization"] = "Bearer sk-of-a-program"
    task = session.post(f"{API}/v1/videos/generations", json=VIDEO).json()
    while task["status"] in ("pending", "processing"):
        task = session.get(f"{API}/v1/tasks/{task['id']}").json()
    print(task["status"], len(session.get(task["results"][0]).content))
