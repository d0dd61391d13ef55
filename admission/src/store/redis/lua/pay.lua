-- pay: an answer to a challenge counts once, at whichever edge.
--
-- ARGV  14 nonce
-- ->    1 never used before, 0 used already

begin()
local nonce = ARGV[OWN]
call('ZREMRANGEBYSCORE', K.paid, '-inf', int(NOW.store))
if score(K.paid, nonce) then return 0 end
call('ZADD', K.paid, int(plus(NOW.store, B.PAID_US)), nonce)
call('ZREMRANGEBYRANK', K.paid, 0, int(-1 - B.MAX_PAID))
return 1
