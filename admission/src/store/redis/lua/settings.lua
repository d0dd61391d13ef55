-- settings_put: replaces the operator's live settings, if nobody else did first.
--
-- ARGV  14 expected version
--       15 version   16 capacity   17 rate count   18 rate period (each empty: as configured)
--       19 paused   20 closed (0 or 1)   21 all of it as JSON, with the new version
-- ->    {1, json} stored, {0, current version} conflict

begin()
if S.live_version ~= tonumber(ARGV[OWN]) then return { 0, S.live_version } end
S.live_version = tonumber(ARGV[OWN + 1])
S.live_capacity = tonumber(ARGV[OWN + 2]) or -1
S.live_count = tonumber(ARGV[OWN + 3]) or -1
S.live_period = tonumber(ARGV[OWN + 4]) or 0
S.live_paused = tonumber(ARGV[OWN + 5])
S.live_closed = tonumber(ARGV[OWN + 6])
call('HSET', K.state, 'settings', ARGV[OWN + 7])
save()
return { 1, ARGV[OWN + 7] }
