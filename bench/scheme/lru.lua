-- A cache that forgets what was not used for longest, as lru.scm: a table into a doubly linked ring.
local requests = tonumber(arg[1] or 2000)

local function new_entry(key, value) return { key = key, value = value, before = false, after = false } end

local function new_ring()
    local head = new_entry(false, false)
    head.before, head.after = head, head
    return head
end

local function unlink(e)
    e.before.after = e.after
    e.after.before = e.before
end

local function link_first(head, e)
    e.before = head
    e.after = head.after
    head.after.before = e
    head.after = e
end

local function new_cache(capacity)
    return { capacity = capacity, table = {}, size = 0, ring = new_ring(), hits = 0, misses = 0 }
end

local function forget_oldest(cache)
    local oldest = cache.ring.before
    unlink(oldest)
    cache.table[oldest.key] = nil
    cache.size = cache.size - 1
end

local function cache_ref(cache, key, compute)
    local e = cache.table[key]
    if e then
        cache.hits = cache.hits + 1
        unlink(e)
        link_first(cache.ring, e)
        return e.value
    end
    cache.misses = cache.misses + 1
    e = new_entry(key, compute(key))
    if cache.size == cache.capacity then forget_oldest(cache) end
    cache.table[key] = e
    cache.size = cache.size + 1
    link_first(cache.ring, e)
    return e.value
end

local function newest_keys(cache, n)
    local keys, e = {}, cache.ring.after
    while #keys < n and e ~= cache.ring do
        keys[#keys + 1] = '"' .. e.key .. '"'
        e = e.after
    end
    return "(" .. table.concat(keys, " ") .. ")"
end

local seed = 7
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n
end

local function page(n) return "/page/" .. n end
local function render(key) return { key, #key, { "body", { key } } } end

local pages = new_cache(math.min(5000, math.max(10, requests // 20)))
local range = 4 * pages.capacity

local checksum = 0
for _ = 1, requests do
    local n = random(random(1000) % 2 == 0 and range // 8 or range)
    local value = cache_ref(pages, page(n), render)
    checksum = (checksum * 17 + value[2] + n) % 1000003
end

print("capacity " .. pages.capacity)
print("entries " .. pages.size)
print("hits " .. pages.hits)
print("misses " .. pages.misses)
print("newest " .. newest_keys(pages, 3))
print("checksum " .. checksum)
