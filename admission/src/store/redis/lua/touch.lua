-- touch: extends sessions and puts back those that a loss took away.
--
-- ARGV  14 id   15 stamp   16 claimed_at   17 expires_at   and so on in fours, at most 500
-- ->    the ids of those that have ended, 16 bytes each, in one string

begin()
local ids = {}
for i = OWN, #ARGV - 3, 4 do ids[#ids + 1] = ARGV[i] end
local ended, revoked, spent =
  lookup('ZMSCORE', K.ended, ids), lookup('ZMSCORE', K.revoked, ids), lookup('ZMSCORE', K.spent, ids)
local active, held, queued =
  lookup('ZMSCORE', K.active, ids), lookup('HMGET', K.places, ids), lookup('ZMSCORE', K.queue, ids)
local lost = S.epoch_ordinal == 0 or NOW.service < S.readopt_until
local until_service = plus(NOW.service, P.session_ttl)

-- May be below nothing: capacity was lowered, or sessions were put back.
local free = capacity() - call('ZCARD', K.active) - call('ZCARD', K.admitted) - S.ghost_active - S.ghost_admitted

-- An unknown session is put back after a loss, or where it is too young to have ended unnoticed, or where a slot is free.
local function may_readopt(claimed_at, expires_at)
  local alive = plus(expires_at, B.READOPT_LEEWAY_US) > NOW.store
  local young = plus(claimed_at, min(B.READOPT_LEEWAY_US, P.session_ttl)) > NOW.store
  return (alive and (lost or free > 0)) or young
end

local over, back, proven, inside, claims, places, ends = {}, {}, {}, {}, {}, {}, {}
for i, id in ipairs(ids) do
  local at = OWN + (i - 1) * 4
  local stamp, claimed_at, expires_at = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local known = held[i] or queued[i]
  if ended[i] or revoked[i] or spent[i] or stamp > MAX then
    over[#over + 1] = id
  elseif active[i] or back[id] then
    if active[i] then proven[#proven + 1] = id end
    if active[i] and active[i] < until_service then
      ends[#ends + 1] = int(until_service)
      ends[#ends + 1] = id
    end
  elseif known or may_readopt(claimed_at, expires_at) then
    claimed_at = min(claimed_at, NOW.store)
    if not held[i] then free = free - 1 end
    if claimed_at <= S.ghost_as_of and S.ghost_active > 0 then
      S.ghost_active = S.ghost_active - 1
      free = free + 1
    end
    back[id] = true
    inside[#inside + 1] = id
    ends[#ends + 1] = int(until_service)
    ends[#ends + 1] = id
    claims[#claims + 1] = int(claimed_at)
    claims[#claims + 1] = id
    places[#places + 1] = id
    places[#places + 1] = int(known or stamp)
  else
    over[#over + 1] = id
  end
end
for _, key in ipairs({ K.queue, K.present, K.seen, K.admitted }) do spread('ZREM', key, inside) end
spread('ZREM', K.unproven, proven)
spread('ZADD', K.active, ends, 2)
spread('ZADD', K.claimed, claims, 2)
spread('HSET', K.places, places, 2)
save()
return table.concat(over)
