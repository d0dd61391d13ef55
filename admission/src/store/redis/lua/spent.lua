-- spent: these places were used up; they cannot be claimed again. Somebody inside stays inside.
--
-- ARGV  14 id   15 stamp   and so on in pairs, at most 500
-- ->    1

begin()
local ids, stamps = read_places(OWN)
local active, queued = lookup('ZMSCORE', K.active, ids), lookup('ZMSCORE', K.queue, ids)
local held, spent = lookup('HMGET', K.places, ids), lookup('ZMSCORE', K.spent, ids)
local used, list, known = {}, {}, {}
for i, id in ipairs(ids) do
  if not active[i] then
    known[id] = known[id] or queued[i] or held[i] or spent[i] or stamps[i]
    used[#used + 1] = id
    list[#list + 1] = int(known[id])
    list[#list + 1] = id
  end
end
for _, key in ipairs({ K.queue, K.present, K.seen, K.admitted }) do spread('ZREM', key, used) end
spread('HDEL', K.places, used)
spread('ZADD', K.spent, list, 2)
return 1
