-- Binary trees that live shortly, tables of strings, closures. The argument is the depth of the trees.
local depth = tonumber(arg[1])

local function tree(d)
    if d == 0 then return {} end
    return { tree(d - 1), tree(d - 1) }
end

local function count(t)
    if not t[1] then return 1 end
    return 1 + count(t[1]) + count(t[2])
end

local long_lived, total = tree(depth), 0
for d = 4, depth, 2 do
    for _ = 1, 2 ^ (depth - d) do total = total + count(tree(d)) end
end

local words = {}
for i = 1, 2 ^ (depth + 2) do
    words[i % 20000 + 1] = ("word %d of %s"):format(i, ("x"):rep(i % 90))
    if i % 16 == 0 then words[#words // 2 + 1] = table.concat(words, ",", math.max(1, #words - 8)) end
end

local functions = {}
for i = 1, 2 ^ depth do
    functions[i % 5000 + 1] = function(x) return x + i end
end
for _, f in ipairs(functions) do total = total + f(1) % 7 end
print(total + count(long_lived), #words)
