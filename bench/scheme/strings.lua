-- String building, as strings.scm: text is made, cut into words, capitalised, reversed, counted and wrapped.
local size = tonumber(arg[1] or 20)

local words = { "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "naïve", "Ärger", "λόγος",
                "garden", "of", "forking", "paths" }
local upper = { ["λ"] = "Λ" } -- of the first letters above those that string.upper() does not know

local function text(lines)
    local port, k = {}, 7
    for i = 0, lines * 10 - 1 do
        port[#port + 1] = words[k % #words + 1]
        port[#port + 1] = i % 10 == 9 and "\n" or " "
        k = (k * 73 + 41) % 1009
    end
    return table.concat(port)
end

local function is_white(byte) return byte == 32 or byte >= 9 and byte <= 13 end

local function split(s, separator)
    local parts, start = {}, 1
    for i = 1, #s do
        if separator(s:byte(i)) then
            if start < i then parts[#parts + 1] = s:sub(start, i - 1) end
            start = i + 1
        end
    end
    if start <= #s then parts[#parts + 1] = s:sub(start) end
    return parts
end

local function capitalise(word)
    local second = utf8.offset(word, 2)
    local first = word:sub(1, second - 1)
    return (upper[first] or first:upper()) .. word:sub(second)
end

local function backwards(word)
    local characters = {}
    for _, c in utf8.codes(word) do table.insert(characters, utf8.char(c)) end
    for i = 1, #characters // 2 do
        local j = #characters + 1 - i
        characters[i], characters[j] = characters[j], characters[i]
    end
    return table.concat(characters)
end

local function map(f, items)
    local out = {}
    for i, item in ipairs(items) do out[i] = f(item) end
    return out
end

local function wrap(all, width)
    local line, lines, i = "", {}, 1
    while i <= #all do
        if line == "" then
            line, i = all[i], i + 1
        elseif utf8.len(line) + 1 + utf8.len(all[i]) > width then
            lines[#lines + 1] = line
            line = ""
        else
            line, i = line .. " " .. all[i], i + 1
        end
    end
    if line ~= "" then lines[#lines + 1] = line end
    return lines
end

local function join(strings)
    local result = ""
    for _, s in ipairs(strings) do result = result .. s end
    return result
end

local function checksum(s)
    local sum = 0
    for _, c in utf8.codes(s) do sum = (sum * 31 + c) % 1000003 end
    return sum
end

local function work(lines)
    local source = text(lines)
    local all = split(source, is_white)
    local titles = map(capitalise, all)
    local mirrored = map(backwards, all)
    local wrapped = wrap(titles, 40)
    return { utf8.len(source), #all, #wrapped, checksum(table.concat(mirrored)), checksum(join(wrapped)),
             #source, wrapped[#wrapped // 2 + 1] }
end

local result
for _ = 1, math.max(1, size // 20) do result = work(20) end
for _, item in ipairs(result) do print(item) end
for _, item in ipairs(work(size)) do print(item) end
