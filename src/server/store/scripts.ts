/**
 * The scripts that the store runs, each at once and alone (EVAL). They check what they read: anyone with
 * access may have written it. An entry of a client is a hash: `r` is its registration (entries.ts), and each field of 32 bytes is
 * a wanted peer with the client's candidates for it, or nothing.
 */

/** Reads a field of a key no longer than `most`; false for none, and for a key of another kind. */
const READ = `
local function read(key, field, most)
  local length = redis.pcall('HSTRLEN', key, field)
  if type(length) ~= 'number' or length > most then return false end
  return redis.call('HGET', key, field)
end
local function earlier(a, b, length)
  for i = 1, length do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
`;

export const SCRIPTS = {
  /**
   * KEYS: the entry. ARGV: registration, ms to live, `all` (the wants replace those before) or `some`, a server
   * that may be replaced whatever its time, the number of wants to remove, these, then wants and candidates.
   * Returns {1, server before}; {0, server} when that one has a newer registration; {2} when all wants are needed.
   */
  publish: `${READ}
local key = KEYS[1]
local kind = redis.call('TYPE', key).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
local before = read(key, 'r', 64)
local owner = ''
if before and #before > 20 then
  local theirs = string.sub(before, 13, 20)
  if theirs ~= string.sub(ARGV[1], 13, 20) then
    if theirs ~= ARGV[4] and earlier(ARGV[1], before, 12) then return {0, theirs} end
    owner = theirs
  end
end
if ARGV[3] ~= 'all' and (owner ~= '' or not before) then return {2} end
-- First what a full store refuses: after another write it would let the script go on.
redis.call('HSET', key, 'r', ARGV[1])
if ARGV[3] == 'all' then
  redis.call('DEL', key)
  redis.call('HSET', key, 'r', ARGV[1])
end
local first = 6 + tonumber(ARGV[5])
for i = 6, first - 1 do redis.call('HDEL', key, ARGV[i]) end
for i = first, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', key, ARGV[2])
return {1, owner}`,

  /** KEYS: entries. ARGV: this server, then ms to live of each. Returns for each 1, 0 for none, or its server. */
  refresh: `${READ}
local states = {}
for i, key in ipairs(KEYS) do
  local entry = read(key, 'r', 64)
  local owner = entry and string.sub(entry, 13, 20)
  if owner == ARGV[1] then
    redis.call('PEXPIRE', key, ARGV[i + 1])
    states[i] = 1
  else
    states[i] = owner or 0
  end
end
return states`,

  /** KEYS: entries. ARGV: this server, whose they have to be. */
  remove: `${READ}
for _, key in ipairs(KEYS) do
  local entry = read(key, 'r', 64)
  if entry and string.sub(entry, 13, 20) == ARGV[1] then redis.call('DEL', key) end
end
return 1`,

  /** KEYS: entries. ARGV: for each a wanted peer. Returns for each its registration and the want, false for none. */
  lookup: `${READ}
local found = {}
for i, key in ipairs(KEYS) do
  local entry = read(key, 'r', 64)
  found[2 * i - 1] = entry
  found[2 * i] = entry and read(key, ARGV[i], 248)
end
return found`,

  /**
   * Classic. KEYS: entries. ARGV: for each ms to live and value: its first 8 bytes are the time, and a later one
   * stays.
   */
  classic: `${READ}
for i, key in ipairs(KEYS) do
  local value = ARGV[2 * i]
  local before = redis.pcall('GETRANGE', key, 0, 7)
  if type(before) ~= 'string' then redis.call('DEL', key) end
  if type(before) ~= 'string' or #before < 8 or not earlier(value, before, 8) then
    redis.call('SET', key, value, 'PX', ARGV[2 * i - 1])
  end
end
return 1`,

  /** Classic. KEYS: entries. Returns the values; false for none, and for what is no entry. */
  classicLookup: `
local found = {}
for i, key in ipairs(KEYS) do
  local length = redis.pcall('STRLEN', key)
  found[i] = type(length) == 'number' and length > 0 and length <= 64 and redis.call('GET', key)
end
return found`,
} as const;

export type ScriptName = keyof typeof SCRIPTS;
