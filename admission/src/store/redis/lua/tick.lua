-- tick: notices a loss, takes in what the edge remembers, does the room's work at most once per interval whoever
-- calls, and tells what there is to know.
--
-- ARGV  14 epoch ordinal   15 epoch id   16 seq   17 frontier   18 grace frontier   19 active   20 admitted   21 as_of
--          of the edge's memory, 0 where it has none
--       22 new epoch id   23 newborn (0 or 1)
--       24 to 30 the live settings it remembers: version, capacity, rate count, rate period (empty: as configured),
--          paused, closed (0 or 1), all of it as JSON
-- ->    see snapshot.lua

begin()
notice_loss()
merge()
if S.ticked_at == 0 or NOW.store - S.ticked_at >= B.TICK_WORK_US then
  S.paused_total = NOW.store - NOW.service
  S.ticked_at = NOW.store
  local over = sweep(K.active, K.spent, K.unproven)
  spread('ZREM', K.claimed, over)
  spread('ZREM', K.unproven, over)
  sweep(K.admitted, K.queue)
  forget_absent()
  forget_ended()
  fade_ghosts()
  move_grace()
  drop_absent()
  accrue()
  grant()
  note_line()
  set_horizon()
  S.seq = S.seq + 1
end
set_clocks(NOW.store)
save()
return snapshot()
