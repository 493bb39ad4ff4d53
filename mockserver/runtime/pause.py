"""To wait on the loop by its own timer: tests put something else in the place of `asyncio.sleep`."""

import asyncio


async def pause(seconds: float) -> None:
    """Let others go on, for so long; 0: once round the loop."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    timer = loop.call_later(seconds, _end, over) if seconds else loop.call_soon(_end, over)
    try:
        await over
    finally:
        timer.cancel()


def _end(over: "asyncio.Future[None]") -> None:
    if not over.done():
        over.set_result(None)
