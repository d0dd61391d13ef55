-- sync: one edge says what it spent of each key and what it still holds, and is told how much more it may spend.
-- What is counted plus what edges hold is never more than the limit: what an edge holds is taken from the others.
--
-- KEYS  1 edges   sorted set  edge -> when it was last heard of
--       2 ...     one for each key under its rule
-- ARGV  2 edge  3 edge_lives  4 hold_lives
--       5 ...   for each: algorithm (w f b), count, window, delay, spent, keeps, wants, needs (0: only what is handy)
-- ->    {edges, then for each: more, free, reset, retry (0: others hold it, ask again soon; -1: never)}
--
-- An edge that is not heard of for hold_lives has spent what it held, as far as anybody can know.

local OWN, EACH = 5, 8
local edge, hold_lives = ARGV[2], tonumber(ARGV[4])
call('ZADD', KEYS[1], int(NOW), edge)
call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(NOW - tonumber(ARGV[3])))
local edges = max(call('ZCARD', KEYS[1]), 1)

-- Takes this edge's hold out of the state, charges what is overdue of others; how much the others hold.
local function others(state, rule)
  local size, kept, held = rule.by.size, {}, 0
  for i = size + 1, #state, 3 do
    local who, units, until_us = state[i], state[i + 1], state[i + 2]
    if who ~= edge then
      if until_us <= NOW then
        rule.by.take(state, rule, units)
      else
        held = held + units
        for j = i, i + 2 do kept[#kept + 1] = state[j] end
      end
    end
  end
  for i = #state, size + 1, -1 do state[i] = nil end
  return kept, held
end

local function share(free, wants, needs)
  local fair = div_up(free, edges)
  local more = min(free, max(needs, min(wants, fair)))
  if more < needs then return 0 end
  return more
end

local function exchange(key, raw, i)
  local rule = rule_at(i)
  local spent, keeps = tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  local wants, needs = tonumber(ARGV[i + 6]), tonumber(ARGV[i + 7])
  local state = load(raw, rule)
  local kept, held = others(state, rule)
  if spent > 0 then rule.by.take(state, rule, spent) end
  local unused = rule.by.free(state, rule)
  local free = max(unused - held - keeps, 0)
  local more, retry = share(free, wants, needs), 0
  if needs > more and unused < needs then
    local _
    _, _, _, retry = rule.by.judge(state, rule, needs)
  end
  local reset = rule.by.reset(state, rule)
  for j = 1, #kept do state[#state + 1] = kept[j] end
  if keeps + more > 0 then
    for _, part in ipairs({ edge, keeps + more, NOW + hold_lives }) do state[#state + 1] = part end
  end
  local holds = #state > rule.by.size
  if raw or holds or reset > 0 then
    -- Twice: a hold that nobody speaks of any more is charged by whoever comes next.
    store(key, state, max(reset, holds and hold_lives * 2 + rule.window or 0))
  end
  return more, free - more, reset, retry
end

local answer = { edges }
if #KEYS > 1 then
  local raw = call('MGET', unpack(KEYS, 2))
  for n = 2, #KEYS do
    local more, free, reset, retry = exchange(KEYS[n], raw[n - 1], OWN + (n - 2) * EACH)
    for _, number in ipairs({ more, free, reset, retry }) do answer[#answer + 1] = number end
  end
end
return answer
