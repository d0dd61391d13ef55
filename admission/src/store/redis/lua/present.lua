-- present: somebody near the head is still there. max_waiting does not bind them: they are few.
--
-- ARGV  14 id   15 stamp   and so on in pairs, at most 500
-- ->    1

begin()
mark_present(read_places(OWN))
note_line()
save()
return 1
