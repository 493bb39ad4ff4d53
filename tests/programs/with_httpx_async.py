"""The same by httpx without waiting."""

import asyncio

import httpx

API = "https://api.evolink.ai"
VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}


async def main():
    async with httpx.AsyncClient(headers={"Authorization": "Bearer sk-of-a-program"}) as client:
        task = (await client.post(f"{API}/v1/videos/generations", json=VIDEO)).json()
        while task["status"] in ("pending", "processing"):
            task = (await client.get(f"{API}/v1/tasks/{task['id']}")).json()
        print(task["status"], len((await client.get(task["results"][0])).content))


asyncio.run(main())
