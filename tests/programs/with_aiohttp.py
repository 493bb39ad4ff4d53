"""The same by aiohttp, which leaves proxies alone unless told otherwise."""

import asyncio

import aiohttp

API = "https://api.evolink.ai"
VIDEO = {"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}


async def main():
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer sk-of-a-program"}) as session:
        async with session.post(f"{API}/v1/videos/generations", json=VIDEO) as response:
            task = await response.json()
        while task["status"] in ("pending", "processing"):
            async with session.get(f"{API}/v1/tasks/{task['id']}") as response:
                task = await response.json()
        async with session.get(task["results"][0]) as response:
            print(task["status"], len(await response.read()))


asyncio.run(main())
