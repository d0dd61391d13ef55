-- First part of tick: what happens when the store lost its data. A new epoch, slots kept for sessions it no longer
-- knows, and a pause in which the line puts itself back together from what the edges and the visitors remember.

-- M: what the calling edge remembers.
local M = {
  ordinal = tonumber(ARGV[OWN]), id = tonumber(ARGV[OWN + 1]), seq = tonumber(ARGV[OWN + 2]),
  frontier = tonumber(ARGV[OWN + 3]), grace = tonumber(ARGV[OWN + 4]), active = tonumber(ARGV[OWN + 5]),
  admitted = tonumber(ARGV[OWN + 6]), as_of = tonumber(ARGV[OWN + 7]), new_epoch_id = tonumber(ARGV[OWN + 8]),
  newborn = ARGV[OWN + 9] == '1', live_version = tonumber(ARGV[OWN + 10]), live_capacity = tonumber(ARGV[OWN + 11]),
  live_count = tonumber(ARGV[OWN + 12]), live_period = tonumber(ARGV[OWN + 13]), live_paused = tonumber(ARGV[OWN + 14]),
  live_closed = tonumber(ARGV[OWN + 15]), settings = ARGV[OWN + 16],
}

-- Is the stored epoch lower than the edge's?
local function older_than_memory()
  return S.epoch_ordinal < M.ordinal or (S.epoch_ordinal == M.ordinal and S.epoch_id < M.id)
end

-- A wipe raced by another edge, or a lagged replica that was promoted.
local function is_behind()
  local same = S.epoch_ordinal == M.ordinal and S.epoch_id == M.id
  return older_than_memory() or (same and (S.seq < M.seq or S.frontier < M.frontier))
end

local function holds_nobody()
  return call('EXISTS', K.queue, K.places, K.spent) == 0
end

local function notice_loss()
  local none = S.epoch_ordinal == 0
  if not none and not is_behind() then return end
  local born = none and M.newborn and M.ordinal == 0 and holds_nobody()
  S.epoch_ordinal = max(S.epoch_ordinal, M.ordinal) + 1
  S.epoch_id = M.new_epoch_id
  S.seq, S.admitted_total, S.left_total = 0, 0, 0
  S.horizon_changed_at = NOW.service
  local count, period = rate()
  S.credit_unit, S.credit_at = period, NOW.store
  if born then
    S.credit = credit_cap(count, period)
  else
    S.credit = 0
    S.recovering_until = plus(NOW.service, P.freeze)
    S.readopt_until = plus(NOW.service, P.session_ttl)
  end
end

local function keep_slots_for_the_lost()
  local as_of = max(M.as_of - (NOW.store - NOW.service), 0)
  S.ghost_as_of = M.as_of
  S.ghost_active = max(M.active - count_up_to(K.claimed, M.as_of), 0)
  S.ghost_admitted = max(M.admitted - call('ZCARD', K.admitted), 0)
  S.ghost_active_until = plus(as_of, P.session_ttl)
  S.ghost_admitted_until = plus(S.recovering_until, P.claim_window)
end

-- What the edge remembers can only move things forward; its counts matter while recovering.
local function merge()
  S.frontier = max(S.frontier, M.frontier)
  S.grace = max(S.grace, M.grace)
  if M.live_version > S.live_version then
    S.live_version, S.live_paused, S.live_closed = M.live_version, M.live_paused, M.live_closed
    S.live_capacity, S.live_count, S.live_period = M.live_capacity or -1, M.live_count or -1, M.live_period or 0
    call('HSET', K.state, 'settings', M.settings)
  end
  local older = M.ordinal < S.epoch_ordinal or (M.ordinal == S.epoch_ordinal and M.id < S.epoch_id)
  if recovering() and older and M.as_of > S.ghost_as_of then keep_slots_for_the_lost() end
end
