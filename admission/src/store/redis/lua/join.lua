-- join: indexes places that the room does not know, up to max_waiting.
--
-- ARGV  14 id   15 stamp   and so on in pairs, at most 500
-- ->    {added, refused}

begin()
local ids, stamps = read_places(OWN)
local known, list, new = known_of(ids), {}, {}
local waiting, refused = call('ZCARD', K.queue), 0
for i, id in ipairs(ids) do
  local unknown = not known.queue[i] and not known.taken[i] and not new[id]
  if unknown and stamps[i] > S.grace then
    if waiting >= P.max_waiting then
      refused = refused + 1
    else
      waiting = waiting + 1
      new[id] = true
      list[#list + 1] = int(stamps[i])
      list[#list + 1] = id
    end
  end
end
spread('ZADD', K.queue, list, 2)
if waiting > 0 then see_line() end
save()
return { #list / 2, refused }
