-- spent: these places were used up; they cannot be claimed again. Somebody inside stays inside.
--
-- ARGV  14 id   15 stamp   and so on in pairs, at most 500
-- ->    1

begin()
local ids, stamps = read_places(OWN)
local active, used, list = lookup('ZMSCORE', K.active, ids), {}, {}
for i, id in ipairs(ids) do
  if not active[i] then
    used[#used + 1] = id
    list[#list + 1] = int(stamps[i])
    list[#list + 1] = id
  end
end
for _, key in ipairs({ K.queue, K.present, K.seen, K.admitted }) do spread('ZREM', key, used) end
spread('HDEL', K.places, used)
spread('ZADD', K.spent, list, 2)
return 1
