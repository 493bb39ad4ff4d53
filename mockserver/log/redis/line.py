"""One connection to Redis on which one command at a time is sent, and answered within a bounded time."""

import asyncio
import math
from typing import Any

from redis.exceptions import NoScriptError, RedisError, ResponseError

from mockserver.log import AwayError
from mockserver.log.redis.address import ANSWER_S
from mockserver.log.redis.scripts import Script


class Line:
    """A command is never sent twice, and one whose answer did not come in time has its connection closed under it: no
    later command may take that answer for its own.

    It goes by the connections of redis-py, past its client: the client's own bookkeeping costs four times as much.
    A Cluster, which has no one connection, is asked through its client.
    """

    def __init__(self, client: Any, answer_s: float = ANSWER_S) -> None:
        self._client, self._answer_s = client, answer_s
        self._pool: Any = getattr(client, "connection_pool", None)
        self._connection: Any = None
        self._lock = asyncio.Lock()

    async def ask(self, *command: Any) -> Any:
        """Raises AwayError where no answer came: then nobody knows whether the command was carried out."""
        async with self._lock:
            try:
                async with asyncio.timeout(self._answer_s):
                    return await self._exchange(command)
            except NoScriptError:
                raise
            except TimeoutError as error:
                await self.close()
                raise AwayError(f"no answer within {self._answer_s:g} s") from error
            except (RedisError, OSError, EOFError) as error:
                if not isinstance(error, ResponseError):
                    await self.close()
                raise AwayError(str(error) or type(error).__name__) from error
            except BaseException:  # cancelled on the way: its answer may still come
                await self.close()
                raise

    async def run(self, script: Script, keys: list[str], *arguments: Any) -> Any:
        """Carry out a script, which Redis is told of where it does not know it (any more)."""
        command = (len(keys), *keys, *arguments)
        try:
            return await self.ask("EVALSHA", script.digest, *command)
        except NoScriptError:
            return await self.ask("EVAL", script.source, *command)

    async def close(self) -> None:
        """The next command takes a new connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    async def _exchange(self, command: tuple[Any, ...]) -> Any:
        if self._pool is None:
            return await self._client.execute_command(*command)
        connection = self._connection
        if connection is None:
            connection = self._connection = await self._pool.get_connection()
            connection.socket_timeout = None  # this line has a bound of its own
        await connection.send_packed_command(connection.pack_command(*command), check_health=False)
        return await connection.read_response(timeout=math.inf)
