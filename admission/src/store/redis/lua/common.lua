-- What every script of a room shares: its keys, the policy, the two clocks, the scalars, the checks.
-- Stands before each operation's own file. The table B of bounds stands before this one.
--
-- KEYS   all with the room's hash tag: stanchion:{room}:<part>
--    1 state     hash        scalars of the room (FIELDS below), marks, settings
--    2 queue     sorted set  not yet admitted: id -> arrival stamp
--    3 present   sorted set  those of queue who polled near the head lately: id -> arrival stamp
--    4 seen      sorted set  the same ids -> service time of that poll
--    5 admitted  sorted set  let in, not yet come: id -> claim deadline (service time)
--    6 active    sorted set  inside: id -> end of the session (service time)
--    7 places    hash        id -> arrival stamp of everybody in admitted and active
--    8 claimed   sorted set  everybody in active: id -> when they claimed (store time)
--    9 spent     sorted set  places used up: id -> arrival stamp, beyond the grace frontier
--   10 ended     sorted set  released or revoked lately: id -> when (service time)
--   11 revoked   sorted set  those of them that are barred: id -> when (service time)
--   12 unproven  sorted set  those of active who entered at once and have not yet come back: id -> 0
--   13 paid      sorted set  answers to challenges that were used: nonce -> when it is forgotten (store time)
-- ARGV   times and spans in microseconds, whole numbers as decimal text
--    1 clock            empty: the server's own TIME; else the time (tests)
--    2 mode             fifo, passthrough, closed
--    3 capacity         4 rate_count       5 rate_period     6 session_ttl    7 claim_window
--    8 return_grace     9 presence_window 10 freeze         11 ended_kept    12 max_waiting
--   13 opens_at         0: always open
--   14 ...              the operation's own
--
-- An id is 16 raw bytes. All numbers are exact below 2^53; text is made of them by int() alone, because Lua's own
-- tostring rounds to 14 digits.

local call = redis.call
-- Where an operation's own arguments begin.
local OWN = 14
local MAX = 9007199254740991

local K = {
  state = KEYS[1], queue = KEYS[2], present = KEYS[3], seen = KEYS[4], admitted = KEYS[5], active = KEYS[6],
  places = KEYS[7], claimed = KEYS[8], spent = KEYS[9], ended = KEYS[10], revoked = KEYS[11],
  unproven = KEYS[12], paid = KEYS[13],
}

local P = {
  mode = ARGV[2], capacity = tonumber(ARGV[3]), rate_count = tonumber(ARGV[4]), rate_period = tonumber(ARGV[5]),
  session_ttl = tonumber(ARGV[6]), claim_window = tonumber(ARGV[7]), return_grace = tonumber(ARGV[8]),
  presence_window = tonumber(ARGV[9]), freeze = tonumber(ARGV[10]), ended_kept = tonumber(ARGV[11]),
  max_waiting = tonumber(ARGV[12]), opens_at = tonumber(ARGV[13]),
}

-- Scalars, each 0 where it was never written, except those in DEFAULTS. epoch_ordinal 0: no epoch.
-- live_capacity and live_count -1: as configured.
local FIELDS = {
  'epoch_ordinal', 'epoch_id', 'seq', 'frontier', 'grace', 'credit', 'credit_unit', 'credit_at', 'ticked_at',
  'paused_total', 'line_until', 'recovering_until', 'readopt_until', 'ghost_active', 'ghost_admitted', 'ghost_as_of',
  'ghost_active_until', 'ghost_admitted_until', 'horizon', 'horizon_factor', 'horizon_changed_at', 'admitted_total',
  'left_total', 'live_version', 'live_capacity', 'live_count', 'live_period', 'live_paused', 'live_closed',
}
local DEFAULTS = { horizon = MAX, horizon_factor = 1, live_capacity = -1, live_count = -1 }

local function int(number) return string.format('%.0f', number) end
local function max(a, b) if a > b then return a end return b end
local function min(a, b) if a < b then return a end return b end
-- Whole part of a quotient of whole numbers.
local function div(a, b) return (a - math.fmod(a, b)) / b end
local function plus(stamp, span) return min(stamp + span, MAX) end

-- S: the scalars now. WAS: as stored, so that only what changed is written.
local S, WAS = {}, {}

local function load()
  local stored = call('HMGET', K.state, unpack(FIELDS))
  for i, field in ipairs(FIELDS) do
    S[field] = tonumber(stored[i] or DEFAULTS[field] or 0)
    WAS[field] = stored[i] and S[field]
  end
end

local function save()
  local changed = {}
  for _, field in ipairs(FIELDS) do
    if S[field] ~= (WAS[field] or DEFAULTS[field] or 0) then
      changed[#changed + 1] = field
      changed[#changed + 1] = int(S[field])
    end
  end
  if #changed > 0 then call('HSET', K.state, unpack(changed)) end
end

-- One command over a list of any length: Lua cannot unpack many thousand values at once.
-- list holds groups of `size` values; each is called as (command, key, group, group ...).
local function spread(command, key, list, size)
  local step = 1000 - 1000 % (size or 1)
  for from = 1, #list, step do
    call(command, key, unpack(list, from, min(from + step - 1, #list)))
  end
end

-- Scores (or hash values) of many ids, as numbers; false where there is none.
local function lookup(command, key, ids)
  local found = {}
  for from = 1, #ids, 1000 do
    local part = call(command, key, unpack(ids, from, min(from + 999, #ids)))
    for i = 1, #part do found[from + i - 1] = part[i] and tonumber(part[i]) or false end
  end
  return found
end

local function score(key, id)
  local found = call('ZSCORE', key, id)
  return found and tonumber(found)
end

local function stamp_of(id)
  local found = call('HGET', K.places, id)
  return found and tonumber(found)
end

local function count_up_to(key, limit) return call('ZCOUNT', key, '-inf', int(limit)) end

-- The store's clock never runs behind the last working tick; service time runs at most 3 s beyond it.
local NOW = {}

local function set_clocks(now)
  NOW.store = min(max(now, S.ticked_at), MAX)
  if S.ticked_at == 0 then
    NOW.service = NOW.store
  else
    NOW.service = S.ticked_at - S.paused_total + min(NOW.store - S.ticked_at, B.SERVICE_RUN_US)
  end
end

local function begin()
  load()
  if ARGV[1] ~= '' then return set_clocks(tonumber(ARGV[1])) end
  local time = call('TIME')
  set_clocks(tonumber(time[1]) * 1000000 + tonumber(time[2]))
end

-- A moment of service time as the outside reads it.
local function outside(service) return plus(service, NOW.store - NOW.service) end

local function capacity() return S.live_capacity >= 0 and S.live_capacity or P.capacity end

local function rate()
  if S.live_count > 0 then return S.live_count, S.live_period end
  return P.rate_count, P.rate_period
end

-- Lost, never made, or being put back together: nobody is admitted.
local function recovering() return S.epoch_ordinal == 0 or NOW.service < S.recovering_until end

-- Whether places may be given at all, the line apart.
local function admits()
  return P.mode == 'fifo' and S.live_closed == 0 and S.live_paused == 0 and not recovering()
    and NOW.store >= P.opens_at
end

-- The capacity rule: checked before any slot is given.
local function free_slots()
  local used = call('ZCARD', K.active) + call('ZCARD', K.admitted) + S.ghost_active + S.ghost_admitted
  return max(capacity() - used, 0)
end

-- There is a line: newcomers join it until it has been gone for a while.
local function see_line() S.line_until = max(S.line_until, NOW.store + B.LINE_US) end

local function note_line()
  if call('ZCARD', K.queue) > 0 then see_line() end
end

-- Credit: one visitor costs a period, a microsecond earns a count. What is there now, in the present rate's units.
local function credit_cap(count, period) return period + B.BATCH_US * count end

local function accrue()
  local count, period = rate()
  local cap = credit_cap(count, period)
  if S.credit_unit ~= period then
    local whole = S.credit_unit > 0 and div(S.credit, S.credit_unit) or 0
    S.credit = min(whole, div(cap, period)) * period
  end
  local fills = div(cap + count - 1, count)
  local elapsed = min(max(NOW.store - S.credit_at, 0), fills)
  S.credit = min(min(S.credit, cap) + elapsed * count, cap)
  S.credit_unit = period
  S.credit_at = max(NOW.store, S.credit_at)
end

local function visitors()
  if S.credit_unit == 0 then return 0 end
  return div(S.credit, S.credit_unit)
end

local function spend(count) S.credit = max(S.credit - count * S.credit_unit, 0) end

local function unqueue(id)
  call('ZREM', K.present, id)
  call('ZREM', K.seen, id)
  call('ZREM', K.queue, id)
end

-- Takes a session or an admission away; says which stamp it had.
local function vacate(id)
  call('ZREM', K.admitted, id)
  call('ZREM', K.active, id)
  call('ZREM', K.claimed, id)
  call('ZREM', K.unproven, id)
  local stamp = stamp_of(id)
  if stamp then call('HDEL', K.places, id) end
  return stamp
end

-- Gives a session; the slot was checked, or the visitor was inside already.
local function admit_inside(id, stamp, claimed_at)
  unqueue(id)
  call('ZREM', K.admitted, id)
  call('ZREM', K.unproven, id)
  call('ZADD', K.active, int(plus(NOW.service, P.session_ttl)), id)
  call('ZADD', K.claimed, int(claimed_at), id)
  call('HSET', K.places, id, int(stamp))
end

-- The session of somebody inside, as answered: {1, claimed_at, expires_at, stamp}.
local function session(id)
  local ends = score(K.active, id)
  if not ends then return nil end
  return { 1, score(K.claimed, id), outside(ends), stamp_of(id) }
end

-- What is known of many ids: `queue` their stamps in the line, `taken` whether they may not enter it.
local function known_of(ids)
  local known = { queue = lookup('ZMSCORE', K.queue, ids) }
  local places, spent, revoked =
    lookup('HMGET', K.places, ids), lookup('ZMSCORE', K.spent, ids), lookup('ZMSCORE', K.revoked, ids)
  known.taken = {}
  for i = 1, #ids do known.taken[i] = places[i] or spent[i] or revoked[i] or false end
  return known
end

-- Ids and stamps that follow each other in ARGV from `from`; stamps beyond the largest exact number are left out.
local function read_places(from)
  local ids, stamps = {}, {}
  for i = from, #ARGV - 1, 2 do
    local stamp = tonumber(ARGV[i + 1])
    if stamp <= MAX then
      ids[#ids + 1] = ARGV[i]
      stamps[#stamps + 1] = stamp
    end
  end
  return ids, stamps
end

-- Near the head: indexed where missing, and noted as present where they wait.
local function mark_present(ids, stamps)
  local known, fresh, here, seen, new = known_of(ids), {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local stamp = known.queue[i] or new[id]
    if not stamp and not known.taken[i] and stamps[i] > S.grace then
      stamp = stamps[i]
      new[id] = stamp
      fresh[#fresh + 1] = int(stamp)
      fresh[#fresh + 1] = id
    end
    if stamp then
      here[#here + 1] = int(stamp)
      here[#here + 1] = id
      seen[#seen + 1] = int(NOW.service)
      seen[#seen + 1] = id
    end
  end
  spread('ZADD', K.queue, fresh, 2)
  spread('ZADD', K.present, here, 2)
  spread('ZADD', K.seen, seen, 2)
end
