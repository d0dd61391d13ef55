-- claim: somebody whose turn may have come. The same answer however often it is asked.
--
-- ARGV  14 id   15 stamp
-- ->    {1, claimed_at, expires_at, stamp} inside, {0} waiting, {2} gone, {3} revoked

begin()
local id, stamp = ARGV[OWN], tonumber(ARGV[OWN + 1])

local function wait()
  mark_present(read_places(OWN))
  note_line()
  save()
  return { 0 }
end

if score(K.unproven, id) then
  call('ZREM', K.unproven, id)
  call('ZADD', K.active, int(max(score(K.active, id), plus(NOW.service, P.session_ttl))), id)
end
local already = session(id)
if already then return already end
if score(K.revoked, id) then return { 3 } end
if recovering() then return wait() end
if score(K.admitted, id) then
  admit_inside(id, stamp_of(id) or stamp, NOW.store)
  return session(id)
end
local too_late = stamp <= S.grace and not score(K.queue, id)
if too_late or score(K.spent, id) then return { 2 } end
return wait()
