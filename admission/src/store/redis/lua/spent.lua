-- spent: these places were used up; they cannot be claimed again. An end is final: a session that an edge which had
-- not heard of it put back ends once more, for every edge to hear.
--
-- ARGV  14 id   15 stamp   and so on in pairs, at most 500
-- ->    1

begin()
local ids, stamps = read_places(OWN)
local active, queued = lookup('ZMSCORE', K.active, ids), lookup('ZMSCORE', K.queue, ids)
local held, spent = lookup('HMGET', K.places, ids), lookup('ZMSCORE', K.spent, ids)
local list, known, over = {}, {}, {}
for i, id in ipairs(ids) do
  known[id] = known[id] or queued[i] or held[i] or spent[i] or stamps[i]
  list[#list + 1] = int(known[id])
  list[#list + 1] = id
  if active[i] then
    over[#over + 1] = int(NOW.service)
    over[#over + 1] = id
  end
end
for _, key in ipairs({ K.queue, K.present, K.seen, K.admitted, K.active, K.claimed, K.unproven }) do spread('ZREM', key, ids) end
spread('HDEL', K.places, ids)
spread('ZADD', K.spent, list, 2)
if #over > 0 then
  spread('ZADD', K.ended, over, 2)
  call('ZREMRANGEBYRANK', K.ended, 0, int(-1 - B.MAX_ENDED_KEPT))
end
return 1
