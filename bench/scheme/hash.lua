-- Hash-table churn, as hash.scm. Lua compares tables by identity: what is a list there is a string here, as
-- one writes it in Lua; and it does not count entries, so each table has a counter.
local steps = tonumber(arg[1] or 2000)

local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 * n // 32768
end

local range = (steps + 3) // 4

local function new_table() return { size = 0, entries = {} } end
local function set(t, key, value)
    if t.entries[key] == nil then t.size = t.size + 1 end
    t.entries[key] = value
end
local function delete(t, key)
    if t.entries[key] ~= nil then t.size = t.size - 1 end
    t.entries[key] = nil
end
local function copy_of(t)
    local copy = new_table()
    for key, value in pairs(t.entries) do set(copy, key, value) end
    return copy
end

local by_number, by_string, by_list = new_table(), new_table(), new_table()
local function name(n) return "key-" .. ("%x"):format(n) end
local function list(n) return n // 100 .. " of " .. n % 100 end

local function step()
    local n = random(math.min(range, 30000))
    set(by_number, n, (by_number.entries[n] or 0) + 1)
    if n % 2 == 0 then set(by_string, name(n), n) else delete(by_string, name(n - 1)) end
    local key = list(n)
    if n % 3 == 0 then delete(by_list, list(n + 1)) else set(by_list, key, { n, key }) end
end

for i = 0, steps - 1 do
    step()
    if i % 1000 == 999 then delete(by_number, random(range)) end
end

local function show(...) print(table.concat({ ... }, " ")) end
local function sum(t, measure)
    local total = 0
    for key, value in pairs(t.entries) do total = total + measure(key, value) end
    return total
end

show("numbers:", by_number.size, sum(by_number, function(_, v) return v end),
      sum(by_number, function(k, v) return k * v end))
show("strings:", by_string.size, sum(by_string, function(_, v) return v end),
      sum(by_string, function(k) return #k end))
show("lists:", by_list.size, sum(by_list, function(_, v) return v[1] end))

local copy = copy_of(by_string)
for key, value in pairs(copy.entries) do
    if value % 4 == 0 then delete(by_string, key) end
end
show("after deletion:", by_string.size, copy.size)
local function present(t)
    local count = 0
    for n = 0, 399 do
        if t.entries[name(n)] then count = count + 1 end
    end
    return count
end
show("present below 400:", present(by_string), present(copy))
