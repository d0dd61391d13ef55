-- Third part of tick: slots for those whose turn it is, and how far from the head polls are reported.

-- The first in order of those present and settled, as many as slots and pace allow.
local function grant()
  if not admits() then return end
  local most = min(min(free_slots(), visitors()), B.MAX_SWEEP)
  if most == 0 then return end
  local ids, stamps = first_up_to(K.present, max(NOW.store - B.SETTLE_US, 0), most)
  local deadline, slots, places = int(plus(NOW.service, P.claim_window)), {}, {}
  for i, id in ipairs(ids) do
    slots[#slots + 1] = deadline
    slots[#slots + 1] = id
    places[#places + 1] = id
    places[#places + 1] = int(stamps[i])
    S.frontier = max(S.frontier, stamps[i])
  end
  spread('ZREM', K.queue, ids)
  spread('ZREM', K.present, ids)
  spread('ZREM', K.seen, ids)
  spread('ZADD', K.admitted, slots, 2)
  spread('HSET', K.places, places, 2)
  spend(#ids)
  S.admitted_total = S.admitted_total + #ids
end

-- Whole visitors that the rate admits in a span.
local function visitors_in(span)
  local count, period = rate()
  return div(count * span, period)
end

-- Wider while too few are present to keep up the pace, nearer again when they are plenty.
local function set_horizon()
  local base = B.HORIZON_BASE + visitors_in(2 * P.presence_window)
  local need = max(visitors_in(P.presence_window), B.HORIZON_NEED)
  local queued, present = call('ZCARD', K.queue), call('ZCARD', K.present)
  local before = count_up_to(K.queue, S.frontier)
  local beyond = queued - before
  local factor = S.horizon_factor
  local half = div(factor, 2)
  local wanted = factor
  if base * factor < beyond and present < need then
    wanted = min(factor * 2, B.MAX_HORIZON_FACTOR)
  elseif present >= need * B.HORIZON_PLENTY or base * half >= beyond then
    wanted = max(half, 1)
  end
  if wanted ~= factor and NOW.service - S.horizon_changed_at >= P.presence_window then
    S.horizon_factor, S.horizon_changed_at = wanted, NOW.service
  end
  local rank = before + base * S.horizon_factor
  local last = call('ZRANGE', K.queue, int(rank), int(rank), 'WITHSCORES')
  S.horizon = last[2] and tonumber(last[2]) or MAX
end
