-- Conway's life on a torus, as life.scm: each generation is a new array of new rows.
local generations = tonumber(arg[1] or 12)
local width, height = 48, 32

local function new_board()
    local board = {}
    for y = 1, height do
        local row = {}
        for x = 1, width do row[x] = 0 end
        board[y] = row
    end
    return board
end

local function put(board, x, y, picture)
    for dy, line in ipairs(picture) do
        for i = 1, #line do
            local row = board[(y + dy - 1) % height + 1]
            row[(x + i - 1) % width + 1] = line:sub(i, i) == "#" and 1 or 0
        end
    end
end

local function neighbours(above, here, below, left, x, right)
    return above[left] + above[x] + above[right] + here[left] + here[right] + below[left] + below[x] + below[right]
end

local function next_row(above, here, below)
    local row, left = {}, width
    for x = 1, width do
        local right = x == width and 1 or x + 1
        local n = neighbours(above, here, below, left, x, right)
        row[x] = (n == 3 or n == 2 and here[x] == 1) and 1 or 0
        left = x
    end
    return row
end

local function next_board(board)
    local new = {}
    for y = 1, height do
        new[y] = next_row(board[(y - 2) % height + 1], board[y], board[y % height + 1])
    end
    return new
end

local function population(board)
    local count = 0
    for _, row in ipairs(board) do
        for _, c in ipairs(row) do count = count + c end
    end
    return count
end

local function show(board)
    for _, row in ipairs(board) do
        for _, c in ipairs(row) do io.write(c == 1 and "#" or ".") end
        io.write("\n")
    end
end

local board, history = new_board(), {}
put(board, 20, 14, { ".##", "##.", ".#." }) -- the r-pentomino
put(board, 2, 2, { ".#.", "..#", "###" }) -- a glider
put(board, 38, 4, { "#....", "####.", ".###." })
for n = 1, generations do
    history[n] = population(board)
    board = next_board(board)
end
show(board)
print("generation " .. generations .. ", alive " .. population(board))
print("before (" .. table.concat(history, " ", math.max(1, #history - 7)) .. ")")
