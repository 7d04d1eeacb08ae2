-- N queens, as queens.scm: all solutions are counted, the first is shown. Lists are {head, tail}.
local size = tonumber(arg[1] or 6)

local function safe(row, distance, placed)
    while placed do
        local other = placed[1]
        if other == row or other == row + distance or other == row - distance then return false end
        distance, placed = distance + 1, placed[2]
    end
    return true
end

local function one_to(n)
    local list
    for i = n, 1, -1 do list = { i, list } end
    return list
end

local function for_each(f, list)
    while list do
        f(list[1])
        list = list[2]
    end
end

local function queens(n, found)
    local rows = one_to(n)
    local function place(columns, placed)
        if columns == 0 then return found(placed) end
        for_each(function(row)
            if safe(row, 1, placed) then place(columns - 1, { row, placed }) end
        end, rows)
    end
    place(n, nil)
end

local count, first = 0, nil
queens(size, function(placed)
    first = first or placed
    count = count + 1
end)
print(size .. " queens: " .. count .. " solutions")
for_each(function(row)
    for i = 1, size do io.write(i == row and "Q" or ".") end
    io.write("\n")
end, first)
