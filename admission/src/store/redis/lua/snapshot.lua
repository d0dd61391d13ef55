-- Fourth part of tick: what everybody is told.
--
-- ->  {now, scalars, sketch, ended, settings}
--     scalars   decimal numbers separated by spaces: epoch ordinal and id, seq, ticked_at, state (below), frontier,
--               grace frontier, horizon, waiting, present, admitted, active, ghosts, admitted_total, left_total,
--               capacity, rate count and period
--     sketch    stamp and rank, stamp and rank …, likewise
--     ended     the newest ids released or revoked, 16 bytes each, newest last
--     settings  the live settings as JSON; empty: never changed

local STATE = { open = 0, queueing = 1, paused = 2, prequeue = 3, full = 4, closed = 5, recovering = 6 }

local function room_state(queued)
  local full, line = free_slots() == 0, queued > 0
  if P.mode == 'closed' or S.live_closed == 1 then return STATE.closed end
  if P.mode == 'passthrough' then return STATE.open end
  if recovering() then return STATE.recovering end
  if NOW.store < P.opens_at then return STATE.prequeue end
  if S.live_paused == 1 then return STATE.paused end
  if full and line then return STATE.full end
  if full or line or NOW.store < S.line_until then return STATE.queueing end
  return STATE.open
end

-- Ranks: each of the first 16, then growing by one part in d, to the last; nil where these are too many.
local function ranks_growing_by(length, d)
  local ranks, last, rank = {}, length - 1, B.SKETCH_DENSE - 1
  for i = 0, min(length, B.SKETCH_DENSE) - 1 do ranks[#ranks + 1] = i end
  while rank < last do
    if #ranks == B.SKETCH_POINTS then return nil end
    rank = min(rank + max(div(rank, d), 1), last)
    ranks[#ranks + 1] = rank
  end
  return ranks
end

local function sketch_ranks(length)
  for d = B.SKETCH_GENTLEST, 1, -1 do
    local ranks = ranks_growing_by(length, d)
    if ranks then return ranks end
  end
  return {}
end

-- Points of those beyond the frontier; equal stamps share the first one's point.
local function sketch(passed, beyond, present_before)
  local text, newest = {}, -1
  for _, rank in ipairs(sketch_ranks(beyond)) do
    local at = int(passed + rank)
    local stamp = tonumber(call('ZRANGE', K.queue, at, at, 'WITHSCORES')[2])
    if stamp > newest then
      text[#text + 1] = int(stamp)
      text[#text + 1] = int(present_before + rank)
      newest = stamp
    end
  end
  return table.concat(text, ' ')
end

local function snapshot()
  local queued, passed = call('ZCARD', K.queue), count_up_to(K.queue, S.frontier)
  local before = count_up_to(K.present, S.frontier)
  local count, period = rate()
  local scalars = {
    S.epoch_ordinal, S.epoch_id, S.seq, S.ticked_at, room_state(queued), S.frontier, S.grace, S.horizon,
    queued - passed + before, call('ZCARD', K.present), call('ZCARD', K.admitted), call('ZCARD', K.active),
    S.ghost_active + S.ghost_admitted, S.admitted_total, S.left_total, capacity(), count, period,
  }
  for i = 1, #scalars do scalars[i] = int(scalars[i]) end
  local ended = call('ZRANGE', K.ended, int(-B.MAX_ENDED), -1)
  local settings = call('HGET', K.state, 'settings') or ''
  return { NOW.store, table.concat(scalars, ' '), sketch(passed, queued - passed, before), table.concat(ended), settings }
end
