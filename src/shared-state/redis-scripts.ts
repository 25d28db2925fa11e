import { createHash } from "node:crypto";
import { forgetBreakerMs } from "./state-driver.ts";

/** A script that Redis runs as one step. */
export interface RedisScript {
  readonly source: string;
  /** By which Redis knows it, once it has seen it. */
  readonly sha: string;
}

/** The clock is that of Redis: those who count together may disagree about the time. */
const now = `
local time = redis.call('TIME')
local second = tonumber(time[1])
local now = second * 1000 + math.floor(tonumber(time[2]) / 1000)`;

/**
 * The same windows as {@link MinuteWindow}'s: the second that has begun and sixty whole ones, as the fields `r<second>` and
 * `t<second>` of one hash. Answers with the refused kind and the milliseconds to wait, or with nothing.
 */
export const takeScript = script(`${now}
local counts = { r = {}, t = {} }
local stale = {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local at = tonumber(string.sub(fields[i], 2))
  if at <= second - 61 then stale[#stale + 1] = fields[i]
  else counts[string.sub(fields[i], 1, 1)][at] = tonumber(fields[i + 1]) end
end
if #stale > 0 then redis.call('HDEL', KEYS[1], unpack(stale)) end
local function wait(kind, limit)
  if limit < 0 then return 0 end
  local total = 0
  for _, count in pairs(counts[kind]) do total = total + count end
  if total < limit then return 0 end
  for at = second - 60, second do
    total = total - (counts[kind][at] or 0)
    if total < limit then return (at + 61) * 1000 - now end
  end
  return 61000
end
for i, kind in ipairs({ 'r', 't' }) do
  local ms = wait(kind, tonumber(ARGV[i]))
  if ms > 0 then return { kind, ms } end
end
redis.call('HINCRBY', KEYS[1], 'r' .. second, 1)
redis.call('EXPIRE', KEYS[1], 62)
return {}`);

export const spendScript = script(`${now}
redis.call('HINCRBY', KEYS[1], 't' .. second, ARGV[1])
redis.call('EXPIRE', KEYS[1], 62)`);

/** One hash for each caller: a field `<calls>:<until>` for each process that has calls of the caller under way. */
const sayCalls = `
if tonumber(ARGV[2]) > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. (now + tonumber(ARGV[3])))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else redis.call('HDEL', KEYS[1], ARGV[1]) end`;

/** Arguments: process, calls, lease in milliseconds, the most of all together. */
export const holdScript = script(`${now}
local others = 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local calls, till = string.match(fields[i + 1], '(%d+):(%d+)')
  if tonumber(till) <= now then redis.call('HDEL', KEYS[1], fields[i])
  elseif fields[i] ~= ARGV[1] then others = others + tonumber(calls) end
end
if others + tonumber(ARGV[2]) > tonumber(ARGV[4]) then return 0 end
${sayCalls}
return 1`);

/** Arguments: process, calls, lease in milliseconds. */
export const holdingScript = script(`${now}${sayCalls}`);

/** All breakers are one hash: model → `<until>:<pause>`. Answers with name, milliseconds left and pause of each in turn. */
export const breakersScript = script(`${now}
local open = {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local till, pause = string.match(fields[i + 1], '(%d+):(%d+)')
  if tonumber(till) + ${forgetBreakerMs} <= now then redis.call('HDEL', KEYS[1], fields[i])
  else
    open[#open + 1] = fields[i]
    open[#open + 1] = math.max(tonumber(till) - now, 0)
    open[#open + 1] = tonumber(pause)
  end
end
return open`);

/** Keys: the breakers, the claim to probe this one. Arguments: name, milliseconds left, pause. */
export const openBreakerScript = script(`${now}
redis.call('DEL', KEYS[2])
if redis.call('HLEN', KEYS[1]) < 4096 then
  redis.call('HSET', KEYS[1], ARGV[1], (now + tonumber(ARGV[2])) .. ':' .. ARGV[3])
  redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + ${forgetBreakerMs})
end`);

/** Keys: the breakers, the claim to probe this one. Arguments: name. */
export const closeBreakerScript = script(`redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[1], ARGV[1])`);

function script(source: string): RedisScript {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}
