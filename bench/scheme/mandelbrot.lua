-- The Mandelbrot set, as mandelbrot.scm. A number is no object in Lua.
local size = tonumber(arg[1] or 16)
local limit = 100

local function steps(cr, ci)
    local zr, zi, n = 0.0, 0.0, 0
    while true do
        local rr, ii = zr * zr, zi * zi
        if n == limit or rr + ii > 4.0 then return n end
        zr, zi, n = rr - ii + cr, 2.0 * zr * zi + ci, n + 1
    end
end

local shades = "  .:-=+*#%@"
local function shade(n)
    if n == limit then return " " end
    local i = 3 + n % 9
    return shades:sub(i, i)
end

local total, inside, columns = 0, 0, 2 * size
local shown_every = math.max(1, size // 16)

for y = 0, size - 1 do
    local line, ci = {}, 2.5 * y / size - 1.25
    for x = 0, columns - 1 do
        local n = steps(3.5 * x / columns - 2.5, ci)
        total = total + n
        if n == limit then inside = inside + 1 end
        line[x + 1] = shade(n)
    end
    if y % shown_every == 0 then print(table.concat(line)) end
end

print("points " .. size * columns)
print("inside " .. inside)
print("steps " .. total)
