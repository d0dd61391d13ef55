-- end: the origin or the visitor ended it. A second time changes nothing, save that a released place can be barred.
--
-- ARGV  14 id   15 stamp   16 how: released, revoked
-- ->    1

begin()
local id, stamp, how = ARGV[OWN], tonumber(ARGV[OWN + 1]), ARGV[OWN + 2]
if how == 'revoked' and not score(K.revoked, id) then
  call('ZADD', K.revoked, int(NOW.service), id)
  call('ZREMRANGEBYRANK', K.revoked, 0, int(-1 - B.MAX_REVOKED))
end
if score(K.ended, id) then return 1 end
local waited = score(K.queue, id)
unqueue(id)
local known = vacate(id) or waited or score(K.spent, id)
-- Whoever is beyond the frontier never had a slot, and so leaves none: tickets are free, slots are not.
if not known and stamp <= S.frontier then S.ghost_active = max(S.ghost_active - 1, 0) end
call('ZADD', K.spent, int(known or min(stamp, MAX)), id)
call('ZADD', K.ended, int(NOW.service), id)
call('ZREMRANGEBYRANK', K.ended, 0, int(-1 - B.MAX_ENDED_KEPT))
save()
return 1
