"""What Redis does in one step, each as a script. Whatever changes something proves first that it may.

Of each prefix there are: `alive:NODE`, the lease of a node, whose value is its session; `nodes`, what each says of
itself; `slots`, who owns each slot, as "NODE EPOCH"; `changed`, the slots by the epoch in which they changed hands;
`index:SLOT`, the worlds of a slot with when something happens in them next; `world:NAME`, a world's birth and the
number of its snapshot; `line:NAME`, its log after that; `snapshot:NAME:NUMBER`.
"""

from hashlib import sha1


class Script:
    """Source, and the name that Redis has for it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = sha1(source.encode(), usedforsecurity=False).hexdigest()


_ALIVE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'session'} end\n"

APPEND = Script(
    _ALIVE
    + """
-- keys: lease, slots; arguments: session, prefix, then for each world: slot, its owner as I know it, name,
-- whether it is dropped first, birth, elements of its log as I know it, when it is due, what to append
local refused, told = {}, {}
for at = 3, #ARGV, 8 do
  local slot, name = ARGV[at], ARGV[at + 2]
  if not refused[slot] then
    local mine = redis.call('HGET', KEYS[2], slot) == ARGV[at + 1]
    if mine and ARGV[at + 3] == '' then
      if ARGV[at + 4] ~= '' then
        mine = redis.call('EXISTS', ARGV[2] .. 'world:' .. name) == 0
      elseif ARGV[at + 7] ~= '' then
        mine = redis.call('LLEN', ARGV[2] .. 'line:' .. name) == tonumber(ARGV[at + 5])
      end
    end
    if not mine then refused[slot] = true; told[#told + 1] = slot end
  end
end
for at = 3, #ARGV, 8 do
  local slot, name = ARGV[at], ARGV[at + 2]
  if not refused[slot] then
    local index, world, line = ARGV[2] .. 'index:' .. slot, ARGV[2] .. 'world:' .. name, ARGV[2] .. 'line:' .. name
    if ARGV[at + 3] ~= '' then
      local number = tonumber(redis.call('HGET', world, 'snapshot') or '0')
      local snapshot = ARGV[2] .. 'snapshot:' .. name .. ':'
      redis.call('UNLINK', world, line, snapshot .. number, snapshot .. (number + 1))
      redis.call('HDEL', index, name)
    end
    if ARGV[at + 4] ~= '' then
      redis.call('HSET', world, 'birth', ARGV[at + 4], 'snapshot', '0')
      redis.call('HSET', index, name, '0')
    end
    if ARGV[at + 7] ~= '' then redis.call('RPUSH', line, ARGV[at + 7]) end
    if ARGV[at + 6] ~= '' then redis.call('HSET', index, name, ARGV[at + 6]) end
  end
end
return told
"""
)
"""Returns the slots that are not the appender's; nothing of theirs is appended, everything of the others is."""

PIECE = Script(
    _ALIVE
    + """
-- keys: lease, slots, snapshot; arguments: session, slot, its owner as I know it, number of the piece, piece
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return {ARGV[2]} end
if ARGV[4] == '0' then redis.call('UNLINK', KEYS[3]) end
redis.call('RPUSH', KEYS[3], ARGV[5])
return {}
"""
)

SWITCH = Script(
    _ALIVE
    + """
-- keys: lease, slots, world, line, old snapshot; arguments: session, slot, its owner as I know it, elements of the
-- log as I know it, number of the new snapshot
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return {ARGV[2]} end
if redis.call('LLEN', KEYS[4]) ~= tonumber(ARGV[4]) then return {ARGV[2]} end
redis.call('HSET', KEYS[3], 'snapshot', ARGV[5])
redis.call('UNLINK', KEYS[4], KEYS[5])
return {}
"""
)
"""From now on the new snapshot stands for all that was in the log."""

BEAT = Script(
    """
-- keys: lease, nodes, slots, changed, epoch, version of the commons; arguments: session, prefix, name, process,
-- number of the session, whether the process begins, length of the lease (ms), what it says of itself, known epoch
local holder = redis.call('GET', KEYS[1])
if holder then
  local process, number = string.match(holder, '^(%S+) (%d+)$')
  if process ~= ARGV[4] and ARGV[6] == '' then return {'superseded'} end
  if process == ARGV[4] and tonumber(number) > tonumber(ARGV[5]) then return {'late'} end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[7])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[8])
local nodes, live = redis.call('HGETALL', KEYS[2]), {}
for at = 1, #nodes, 2 do
  if redis.call('EXISTS', ARGV[2] .. 'alive:' .. nodes[at]) == 1 then
    live[#live + 1] = nodes[at]; live[#live + 1] = nodes[at + 1]
  else
    redis.call('HDEL', KEYS[2], nodes[at])
  end
end
local epoch, changed = tonumber(redis.call('GET', KEYS[5]) or '0'), {}
if epoch < tonumber(ARGV[9]) or ARGV[9] == '0' then
  return {'ok', epoch, live, redis.call('HGETALL', KEYS[3]), redis.call('GET', KEYS[6]) or '0', 'all'}
end
local slots = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. ARGV[9], '+inf')
for _, slot in ipairs(slots) do
  changed[#changed + 1] = slot; changed[#changed + 1] = redis.call('HGET', KEYS[3], slot) or ''
end
return {'ok', epoch, live, changed, redis.call('GET', KEYS[6]) or '0', ''}
"""
)
"""Renews the lease of a node, and tells it who else lives and which slots changed hands since the epoch it knows."""

TAKE = Script(
    _ALIVE
    + """
-- keys: lease, slots, changed, epoch; arguments: session, prefix, name, then slots
local taken, epoch = {}, nil
for at = 4, #ARGV do
  local slot = ARGV[at]
  local owner = redis.call('HGET', KEYS[2], slot)
  local node = owner and string.match(owner, '^(%S+) ')
  if node ~= ARGV[3] and (not node or redis.call('EXISTS', ARGV[2] .. 'alive:' .. node) == 0) then
    epoch = epoch or redis.call('INCR', KEYS[4])
    redis.call('HSET', KEYS[2], slot, ARGV[3] .. ' ' .. epoch)
    redis.call('ZADD', KEYS[3], epoch, slot)
    taken[#taken + 1] = slot
  end
end
return {'ok', taken}
"""
)
"""Takes slots whose owner has no lease."""

GIVE = Script(
    _ALIVE
    + """
-- keys: lease, slots, changed, epoch, nodes; arguments: session, prefix, name, whether the node leaves, then for
-- each slot: slot, its owner as I know it, to whom
local epoch
for at = 5, #ARGV, 3 do
  local slot, heir = ARGV[at], ARGV[at + 2]
  if redis.call('HGET', KEYS[2], slot) == ARGV[at + 1] and redis.call('EXISTS', ARGV[2] .. 'alive:' .. heir) == 1 then
    epoch = epoch or redis.call('INCR', KEYS[4])
    redis.call('HSET', KEYS[2], slot, heir .. ' ' .. epoch)
    redis.call('ZADD', KEYS[3], epoch, slot)
  end
end
if ARGV[4] ~= '' then
  redis.call('DEL', KEYS[1])
  redis.call('HDEL', KEYS[5], ARGV[3])
end
return {'ok'}
"""
)
"""Hands slots over to nodes that live."""

INDEX = Script(
    """
-- keys: lease; arguments: prefix, then slots
local told = {}
for at = 2, #ARGV do told[#told + 1] = redis.call('HGETALL', ARGV[1] .. 'index:' .. ARGV[at]) end
return told
"""
)
"""The worlds of some slots."""

READ = Script(
    """
-- keys: world; arguments: prefix, name, how many elements at the most
local number = redis.call('HGET', KEYS[1], 'snapshot')
if not number then return {} end
local snapshot, line = ARGV[1] .. 'snapshot:' .. ARGV[2] .. ':' .. number, ARGV[1] .. 'line:' .. ARGV[2]
return {number, redis.call('LRANGE', snapshot, 0, ARGV[3] - 1), redis.call('LRANGE', line, 0, ARGV[3] - 1)}
"""
)
"""The number of a world's snapshot, with the beginnings of both lists."""
