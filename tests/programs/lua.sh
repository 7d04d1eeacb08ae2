#!/usr/bin/env bash
# needs: lua5.4
set -e
cat >work.lua <<'END'
local t, x = {}, 7
for i = 1, 200000 do
  x = (x * 1103515245 + 12345) & 0x7fffffff
  t[i] = "s" .. x % 10007
end
local count = {}
for _, s in ipairs(t) do count[s] = (count[s] or 0) + 1 end
local keys = {}
for k in pairs(count) do keys[#keys + 1] = k end
table.sort(keys)
print(#keys, keys[1], count[keys[1]], keys[#keys])
local parts = {}
for i = 1, 20000 do parts[#parts + 1] = string.format("%05d:%s", i, ("z"):rep(i % 60)) end
local text = table.concat(parts, "\n")
print(#text, select(2, text:gsub("(%d+):z+", "%1")))
local function tree(d) if d == 0 then return {} end return { tree(d - 1), tree(d - 1) } end
local function nodes(n) if not n[1] then return 1 end return 1 + nodes(n[1]) + nodes(n[2]) end
for d = 4, 14, 2 do print(d, nodes(tree(d))) end
local threads = {}
for i = 1, 2000 do
  threads[i] = coroutine.wrap(function() local s = 0 while true do s = s + i coroutine.yield(s) end end)
end
local sum = 0
for _ = 1, 20 do for i = 1, 2000 do sum = sum + threads[i]() end end
print(sum)
collectgarbage("generational")
for i = 1, 100000 do local _ = { i, tostring(i) } end
collectgarbage()
print(collectgarbage("count") > 0)
END
lua5.4 work.lua
