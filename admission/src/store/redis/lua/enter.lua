-- enter: a newcomer with no ticket yet goes straight in where there is no line, a slot and pace for one.
-- A refusal means that there is a line now.
--
-- ARGV  14 id   15 stamp
-- ->    {1, claimed_at, expires_at, stamp} inside, {0} queue

begin()
local id, stamp = ARGV[OWN], tonumber(ARGV[OWN + 1])
local already = session(id)
if already then return already end

local function may_enter()
  return admits() and stamp <= MAX and NOW.store >= S.line_until and call('ZCARD', K.queue) == 0
    and not score(K.spent, id) and not score(K.revoked, id) and not score(K.admitted, id)
    and free_slots() > 0
end

local function pay_for_one()
  local credit, unit, at = S.credit, S.credit_unit, S.credit_at
  accrue()
  if visitors() == 0 then
    S.credit, S.credit_unit, S.credit_at = credit, unit, at
    return false
  end
  spend(1)
  return true
end

if not may_enter() or not pay_for_one() then
  see_line()
  save()
  return { 0 }
end
admit_inside(id, stamp, NOW.store)
call('ZADD', K.unproven, 0, id)
call('ZADD', K.active, int(plus(NOW.service, min(P.session_ttl, B.UNPROVEN_US))), id)
S.frontier = max(S.frontier, stamp)
S.admitted_total = S.admitted_total + 1
save()
return session(id)
