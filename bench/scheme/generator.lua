-- Generators, as generator.scm. Lua has coroutines where Scheme has call/cc; the permutations, for which a
-- choice is gone back into, are made by recursion in the same order.
local depth = tonumber(arg[1] or 5)
local END = {}

local function generator(produce)
    return coroutine.wrap(function()
        produce(coroutine.yield)
        while true do coroutine.yield(END) end
    end)
end

local function balanced(low, high)
    if low + 1 == high then return low end
    local middle = (low + high) // 2
    return { balanced(low, middle), balanced(middle, high) }
end

local function leaning(low, high)
    if low + 1 == high then return low end
    return { leaning(low, high - 1), high - 1 }
end

local function leaves(tree)
    return generator(function(yield)
        local function walk(t)
            if type(t) == "table" then
                walk(t[1])
                return walk(t[2])
            end
            yield(t)
        end
        walk(tree)
    end)
end

local function same_fringe(a, b)
    local next_a, next_b = leaves(a), leaves(b)
    while true do
        local x, y = next_a(), next_b()
        if x ~= y then return "#f" end
        if x == END then return "#t" end
    end
end

local function numbers_from(n)
    return generator(function(yield)
        while true do
            yield(n)
            n = n + 1
        end
    end)
end

local function keep(wanted, next)
    return generator(function(yield)
        local value = next()
        while value ~= END do
            if wanted(value) then yield(value) end
            value = next()
        end
    end)
end

local function take(n, next)
    local out = {}
    for i = 1, n do
        local value = next()
        if value == END then break end
        out[i] = value
    end
    return out
end

local function permutations(items)
    local results = {}
    local function pick(left, picked)
        if #left == 0 then results[#results + 1] = picked end
        for i, item in ipairs(left) do
            local rest, more = { table.unpack(left) }, { table.unpack(picked) }
            table.remove(rest, i)
            more[#more + 1] = item
            pick(rest, more)
        end
    end
    pick(items, {})
    return results
end

local function list(items) return "(" .. table.concat(items, " ") .. ")" end
local function show(what, value) print(what .. " " .. value) end

local count = 1 << depth
show("leaves", list(take(10, leaves(balanced(0, count)))))
local n = math.min(count, 256)
show("same fringe:", same_fringe(balanced(0, n), leaning(0, n)))
show("of two large trees:", same_fringe(balanced(0, count), balanced(0, count)))
show("of a shorter one:", same_fringe(balanced(0, count), balanced(0, count - 1)))
local numbers = numbers_from(1)
local squares = generator(function(yield)
    while true do
        local k = numbers()
        yield(k * k)
    end
end)
show("odd squares:", list(take(8, keep(function(k) return k % 2 == 1 end, squares))))
local sum = 0
for _, k in ipairs(take(4 * count, keep(function(k) return k % 3 == 0 end, numbers_from(1)))) do sum = sum + k end
show("of many:", sum)
local all = permutations({ 1, 2, 3, 4 })
show("permutations:", #all)
show("first and last:", "(" .. list(all[1]) .. " " .. list(all[#all]) .. ")")
