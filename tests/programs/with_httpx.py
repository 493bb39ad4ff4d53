"""The same by httpx."""

import httpx

VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}

with httpx.Client(base_url="https://api.evolink.ai", headers={"Authorization": "Bearer sk-of-a-program"}) as client:
    task = client.post("/v1/videos/generations", json=VIDEO).json()
    while task["status"] in ("pending", "processing"):
        task = client.get(f"/v1/tasks/{task['id']}").json()
    print(task["status"], len(client.get(task["results"][0]).content))
