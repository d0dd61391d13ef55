-- Second part of tick: what ran out is cleared away, and the grace moves. At most MAX_SWEEP members of one kind per tick.

-- Ids up to a score, and these scores.
local function first_up_to(key, limit, most)
  local flat = call('ZRANGEBYSCORE', key, '-inf', int(limit), 'WITHSCORES', 'LIMIT', 0, int(most))
  local ids, scores = {}, {}
  for i = 1, #flat, 2 do
    ids[#ids + 1] = flat[i]
    scores[#scores + 1] = tonumber(flat[i + 1])
  end
  return ids, scores
end

-- Moves everybody in `key` up to now from their slot into `into`, at their arrival stamp. Those in `but` are forgotten.
local function sweep(key, into, but)
  local ids = first_up_to(key, NOW.service, B.MAX_SWEEP)
  local stamps, list = lookup('HMGET', K.places, ids), {}
  local forgotten = but and lookup('ZMSCORE', but, ids) or {}
  for i, id in ipairs(ids) do
    if stamps[i] and not forgotten[i] then
      list[#list + 1] = int(stamps[i])
      list[#list + 1] = id
    end
  end
  spread('ZREM', key, ids)
  spread('HDEL', K.places, ids)
  spread('ZADD', into, list, 2)
  return ids
end

local function forget_absent()
  local ids = first_up_to(K.seen, max(NOW.service - P.presence_window, 0), B.MAX_SWEEP)
  spread('ZREM', K.seen, ids)
  spread('ZREM', K.present, ids)
end

local function forget_ended()
  local limit = int(max(NOW.service - P.ended_kept, 0))
  call('ZREMRANGEBYSCORE', K.ended, '-inf', limit)
  call('ZREMRANGEBYSCORE', K.revoked, '-inf', limit)
end

local function fade_ghosts()
  if S.ghost_active_until <= NOW.service then S.ghost_active = 0 end
  if S.ghost_admitted_until <= NOW.service then S.ghost_admitted = 0 end
end

-- Marks: service time and frontier of the past, oldest first, as text in the field `marks`.
local function load_marks()
  local marks = {}
  for at, frontier in string.gmatch(call('HGET', K.state, 'marks') or '', '(%d+):(%d+)') do
    marks[#marks + 1] = { tonumber(at), tonumber(frontier) }
  end
  return marks
end

local function save_marks(marks)
  local text = {}
  for _, mark in ipairs(marks) do text[#text + 1] = int(mark[1]) .. ':' .. int(mark[2]) end
  call('HSET', K.state, 'marks', table.concat(text, ' '))
end

-- Too many places used up to remember each: the grace ends early for the oldest, never beyond the frontier.
local function bound_spent()
  local over = call('ZCARD', K.spent) - B.MAX_SPENT
  if over > 0 then
    local last = call('ZRANGE', K.spent, int(over - 1), int(over - 1), 'WITHSCORES')
    S.grace = max(S.grace, min(tonumber(last[2]), S.frontier))
  end
  call('ZREMRANGEBYSCORE', K.spent, '-inf', int(S.grace))
end

-- Places beyond the frontier never had a slot: to forget that one was given back gives nothing away, and where the
-- frontier stands still nothing else would.
local function bound_spent_ahead()
  local after = '(' .. int(S.frontier)
  call('ZREMRANGEBYSCORE', K.spent, after, int(max(NOW.store - B.SPENT_AHEAD_US, 0)))
  local over = call('ZCOUNT', K.spent, after, '+inf') - B.MAX_SPENT_AHEAD
  if over > 0 then call('ZREMRANGEBYRANK', K.spent, int(-over), -1) end
end

-- The frontier of a grace ago, by marks a sixteenth of a grace apart; never falls.
local function move_grace()
  local marks, changed = load_marks(), false
  local newest = marks[#marks]
  if not newest or NOW.service - newest[1] >= div(P.return_grace, B.GRACE_STEPS) then
    marks[#marks + 1] = { NOW.service, S.frontier }
    changed = true
  end
  local old_enough = max(NOW.service - P.return_grace, 0)
  while #marks > B.MAX_MARKS or (marks[2] and marks[2][1] <= old_enough) do
    table.remove(marks, 1)
    changed = true
  end
  if marks[1] and marks[1][1] <= old_enough then S.grace = max(S.grace, marks[1][2]) end
  if changed then save_marks(marks) end
  bound_spent()
  bound_spent_ahead()
end

-- Those whose grace is over and who are not there lose their place.
local function drop_absent()
  local ids = first_up_to(K.queue, S.grace, B.MAX_SWEEP)
  local present, gone = lookup('ZMSCORE', K.present, ids), {}
  for i, id in ipairs(ids) do
    if not present[i] then gone[#gone + 1] = id end
  end
  spread('ZREM', K.queue, gone)
  S.left_total = S.left_total + #gone
end
