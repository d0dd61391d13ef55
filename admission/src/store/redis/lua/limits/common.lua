-- What both scripts of the limits share: the clock, and what is remembered of one key under one rule. The same
-- arithmetic as in memory (limits/*.rs); a test walks both side by side.
--
-- KEYS   all with the hash tag {~limits}: several rules of one request are judged in one script
-- ARGV   1 clock   empty: the server's own TIME; else microseconds (tests)
--
-- A value is a packed list: the numbers of the algorithm, then who holds how much until when (edge, units, until).
-- Times in microseconds, whole numbers, exact below 2^53.

local call = redis.call
local PARTS = 9
local U32 = 4294967295
local FAKE = ARGV[1] ~= ''
local NOW = tonumber(ARGV[1])
if not FAKE then
  local time = call('TIME')
  NOW = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function max(a, b) if a > b then return a end return b end
local function min(a, b) if a < b then return a end return b end
local function div(a, b) return (a - math.fmod(a, b)) / b end
local function div_up(a, b) return div(a + b - 1, b) end
local function int(number) return string.format('%.0f', number) end

-- Each algorithm: how many numbers it keeps; `pass` brings them to now; `free` units are left; `judge` says allowed,
-- remaining, reset, retry (-1: never), delay; `take` takes what was judged.
local A = {}

-- The sliding window: the number of the newest part, and the counts of nine.
local function width(rule) return max(div_up(rule.window, PARTS - 1), 1) end
local function at(part) return 2 + math.fmod(part, PARTS) end
local function gone(rule, part) return max((part + PARTS) * width(rule) - NOW, 0) end
local function used(state)
  local sum = 0
  for i = 2, PARTS + 1 do sum = sum + state[i] end
  return sum
end
local function last_taken(state)
  for part = state[1], max(state[1] - PARTS + 1, 0), -1 do
    if state[at(part)] > 0 then return part end
  end
end

A.w = { size = PARTS + 1 }
function A.w.pass(state, rule)
  local part = div(NOW, width(rule))
  if part >= state[1] + PARTS then
    for i = 2, PARTS + 1 do state[i] = 0 end
    state[1] = part
  end
  while state[1] < part do
    state[1] = state[1] + 1
    state[at(state[1])] = 0
  end
end
function A.w.free(state, rule) return max(rule.count - used(state), 0) end
function A.w.reset(state, rule)
  local last = last_taken(state)
  return last and gone(rule, last) or 0
end
function A.w.judge(state, rule, cost)
  local left = A.w.free(state, rule)
  if cost <= left then return 1, left - cost, gone(rule, state[1]), -1, 0 end
  local retry = -1
  if cost <= rule.count then
    local over = used(state) + cost - rule.count
    for part = max(state[1] - PARTS + 1, 0), state[1] do
      over = over - state[at(part)]
      if over <= 0 then retry = gone(rule, part) break end
    end
  end
  return 0, left, A.w.reset(state, rule), retry, 0
end
function A.w.take(state, _, cost) state[at(state[1])] = min(state[at(state[1])] + cost, U32) end

-- The fixed window: its number, and the count.
A.f = { size = 2 }
function A.f.pass(state, rule)
  local window = div(NOW, rule.window)
  if window > state[1] then state[1], state[2] = window, 0 end
end
function A.f.free(state, rule) return max(rule.count - state[2], 0) end
local function until_next(state, rule) return max((state[1] + 1) * rule.window - NOW, 0) end
function A.f.reset(state, rule) return state[2] > 0 and until_next(state, rule) or 0 end
function A.f.judge(state, rule, cost)
  local left = A.f.free(state, rule)
  if cost <= left then return 1, left - cost, until_next(state, rule), -1, 0 end
  return 0, left, A.f.reset(state, rule), cost <= rule.count and until_next(state, rule) or -1, 0
end
function A.f.take(state, _, cost) state[2] = min(state[2] + cost, U32) end

-- Bucket and queue: when all that was taken has leaked out (microseconds, and nanoseconds beyond them), and the latest
-- moment known.
local function each_ns(rule) return div_up(rule.window * 1000, rule.count) end
local function lead_ns(state) return max((state[1] - state[3]) * 1000 + state[2], 0) end
local function behind_ns(state) return (state[3] - NOW) * 1000 end
local function us(ns) return div_up(ns, 1000) end
local function pass_paced(state) state[3] = max(state[3], NOW) end
local function take_paced(state, rule, cost)
  local lead = lead_ns(state) + each_ns(rule) * cost
  state[1], state[2] = state[3] + div(lead, 1000), math.fmod(lead, 1000)
end
local function reset_paced(state) return us(lead_ns(state) + behind_ns(state)) end

A.b = { size = 3, pass = pass_paced, take = take_paced, reset = reset_paced }
function A.b.free(state, rule)
  local each = each_ns(rule)
  return min(div(max(each * rule.count - lead_ns(state), 0), each), U32)
end
function A.b.judge(state, rule, cost)
  local each, lead = each_ns(rule), lead_ns(state)
  local full, wanted, behind = each * rule.count, lead + each * cost, behind_ns(state)
  if wanted <= full then return 1, min(div(full - wanted, each), U32), us(wanted + behind), -1, 0 end
  local retry = cost <= rule.count and us(wanted - full + behind) or -1
  return 0, A.b.free(state, rule), us(lead + behind), retry, 0
end

A.q = { size = 3, pass = pass_paced, take = take_paced, reset = reset_paced }
function A.q.free() return 0 end
function A.q.judge(state, rule, cost)
  local each, lead, most, behind = each_ns(rule), lead_ns(state), rule.delay * 1000, behind_ns(state)
  local function room(after) return after > most and 0 or min(div(most - after, each) + 1, U32) end
  if lead > most then return 0, room(lead), us(lead + behind), us(lead - most + behind), 0 end
  local after = lead + each * cost
  return 1, room(after), us(after + behind), -1, us(lead)
end

-- The rule whose four arguments begin there.
local function rule_at(i)
  return {
    by = A[ARGV[i]], count = tonumber(ARGV[i + 1]), window = tonumber(ARGV[i + 2]), delay = tonumber(ARGV[i + 3]),
  }
end

local function load(raw, rule)
  local state = raw and cmsgpack.unpack(raw) or {}
  for i = #state + 1, rule.by.size do state[i] = 0 end
  rule.by.pass(state, rule)
  return state
end

-- Kept until nothing of it counts; by a clock of its own a test cannot say how long that is.
local function store(key, state, lives)
  call('SET', key, cmsgpack.pack(state), 'PX', int(max(div_up(lives, 1000), FAKE and 600000 or 1)))
end
