-- exact: judges one request by several rules; takes from all of them or from none.
--
-- KEYS  one for each rule
-- ARGV  2 ...  for each: algorithm (w f b q), count, window, delay, cost, shadow (1: refuses nobody)
-- ->    {who refuses (0: nobody), then for each: allowed, remaining, reset, retry (-1: never), delay}

local OWN, EACH = 2, 6
local raw = call('MGET', unpack(KEYS))
local answer, refused, taken = { 0 }, 0, {}
for n = 1, #KEYS do
  local i = OWN + (n - 1) * EACH
  local rule, cost = rule_at(i), tonumber(ARGV[i + 4])
  local state = load(raw[n], rule)
  local allowed, remaining, reset, retry, delay = rule.by.judge(state, rule, cost)
  if allowed == 1 then
    taken[#taken + 1] = { key = KEYS[n], state = state, rule = rule, cost = cost, reset = reset }
  elseif refused == 0 and ARGV[i + 5] ~= '1' then
    refused = n
  end
  for _, number in ipairs({ allowed, remaining, reset, retry, delay }) do answer[#answer + 1] = number end
end
if refused == 0 then
  for _, one in ipairs(taken) do
    one.rule.by.take(one.state, one.rule, one.cost)
    store(one.key, one.state, one.reset)
  end
end
answer[1] = refused
return answer
