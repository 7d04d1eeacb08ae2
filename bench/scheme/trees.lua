-- Binary trees, as trees.scm: many short-lived ones while a large one lives.
local depth = tonumber(arg[1] or 8)

local function build(d)
    if d == 0 then return { false, false } end
    return { build(d - 1), build(d - 1) }
end

local function count(tree)
    if not tree[1] then return 1 end
    return 1 + count(tree[1]) + count(tree[2])
end

local function report(what, d, nodes)
    print(what .. " of depth " .. d .. ": " .. nodes .. " nodes")
end

report("a tree", depth + 1, count(build(depth + 1)))
local long_lived = build(depth)
for d = 4, depth, 2 do
    local trees, sum = 1 << (depth - d + 4), 0
    for _ = 1, trees do sum = sum + count(build(d)) end
    report(trees .. " trees", d, sum)
end
report("the long-lived tree", depth, count(long_lived))
