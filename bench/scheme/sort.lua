-- Quicksort, as sort.scm: in place on an array and on lists {head, tail}; both must agree.
local size = tonumber(arg[1] or 500)

local seed = 1
local function random()
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 256
end

local function array_quicksort(v, low, high)
    if low >= high then return end
    local pivot, i, j = v[(low + high) // 2], low, high
    while true do
        while v[i] < pivot do i = i + 1 end
        while v[j] > pivot do j = j - 1 end
        if i >= j then break end
        v[i], v[j] = v[j], v[i]
        i, j = i + 1, j - 1
    end
    if i == j then
        array_quicksort(v, low, i - 1)
        return array_quicksort(v, j + 1, high)
    end
    array_quicksort(v, low, j)
    return array_quicksort(v, i, high)
end

local function list_quicksort(items, tail)
    if not items then return tail end
    local pivot, rest, less, more = items[1], items[2], nil, nil
    while rest do
        if rest[1] < pivot then less = { rest[1], less } else more = { rest[1], more } end
        rest = rest[2]
    end
    return list_quicksort(less, { pivot, list_quicksort(more, tail) })
end

local function is_sorted(items)
    while items and items[2] do
        if items[1] > items[2][1] then return false end
        items = items[2]
    end
    return true
end

local function random_list(n)
    local items
    for _ = 1, n do items = { random(), items } end
    return items
end

local function to_array(items)
    local v = {}
    while items do
        v[#v + 1] = items[1]
        items = items[2]
    end
    return v
end

local function equal(a, b)
    for i = 1, math.max(#a, #b) do
        if a[i] ~= b[i] then return false end
    end
    return true
end

local function truth(b) return b and "#t" or "#f" end

for round = 1, 4 do
    local items = random_list(size)
    local v, sorted = to_array(items), list_quicksort(items, nil)
    array_quicksort(v, 1, #v)
    print("round " .. round)
    print("  sorted: " .. truth(is_sorted(sorted)))
    print("  agree: " .. truth(equal(to_array(sorted), v)))
    print(("  smallest, middle, largest: (%d %d %d)"):format(v[1], v[size // 2 + 1], v[size]))
    print("  input unchanged: " .. truth(#to_array(items) == size))
end
