-- A prover by unification, as prover.scm. Lists are pairs {head, tail} that end in NIL, symbols are strings,
-- variables are tables with a name; bindings are an association list.
local size = tonumber(arg[1] or 6)

local NIL = {}
local function cons(a, b) return { a, b } end
local function list(...)
    local out = NIL
    for i = select("#", ...), 1, -1 do out = cons((select(i, ...)), out) end
    return out
end
local function is_pair(x) return type(x) == "table" and x ~= NIL and not x.name end
local function is_variable(x) return type(x) == "table" and x.name ~= nil end

local function assq(key, alist)
    while alist ~= NIL do
        if alist[1][1] == key then return alist[1] end
        alist = alist[2]
    end
    return nil
end

local function append(a, b)
    if a == NIL then return b end
    return cons(a[1], append(a[2], b))
end

-- Reads what stands in prover.scm between quotes.
local function read(text)
    local tokens, at = {}, 1
    for bracket, word in text:gmatch("([()]?)([^%s()]*)") do
        if bracket ~= "" then tokens[#tokens + 1] = bracket end
        if word ~= "" then tokens[#tokens + 1] = word end
    end
    local function item()
        local token = tokens[at]
        at = at + 1
        if token ~= "(" then return tonumber(token) or token end
        local items = {}
        while tokens[at] ~= ")" do items[#items + 1] = item() end
        at = at + 1
        return list(table.unpack(items))
    end
    return item()
end

local function walk(term, bindings)
    while is_variable(term) do
        local binding = assq(term, bindings)
        if not binding then return term end
        term = binding[2]
    end
    return term
end

-- The bindings under which a and b are the same, or nil.
local function unify(a, b, bindings)
    a, b = walk(a, bindings), walk(b, bindings)
    if a == b then return bindings end
    if is_variable(a) then return cons(cons(a, b), bindings) end
    if is_variable(b) then return cons(cons(b, a), bindings) end
    if is_pair(a) and is_pair(b) then
        bindings = unify(a[1], b[1], bindings)
        return bindings and unify(a[2], b[2], bindings)
    end
    return nil
end

local function substitute(term, bindings)
    term = walk(term, bindings)
    if is_pair(term) then return cons(substitute(term[1], bindings), substitute(term[2], bindings)) end
    return term
end

local function is_variable_symbol(x) return type(x) == "string" and x:byte(1) == 63 end

local function rename(term)
    local fresh = NIL
    local function copy(t)
        if is_variable_symbol(t) then
            local known = assq(t, fresh)
            if known then return known[2] end
            local new = { name = t }
            fresh = cons(cons(t, new), fresh)
            return new
        end
        if is_pair(t) then
            local first = copy(t[1])
            return cons(first, copy(t[2]))
        end
        return t
    end
    return copy(term)
end

local function prove(goals, bindings, clauses, found)
    if goals == NIL then return found(bindings) end
    local rest = clauses
    while is_pair(rest) do
        local goal = walk(goals[1], bindings)
        if goal[1] == rest[1][1][1] then
            local clause = rename(rest[1])
            local new = unify(goal, clause[1], bindings)
            if new and prove(append(clause[2], goals[2]), new, clauses, found) then return true end
        end
        rest = rest[2]
    end
    return false
end

local function length(items)
    local n = 0
    while items ~= NIL do n, items = n + 1, items[2] end
    return n
end

local function reverse(items)
    local out = NIL
    while items ~= NIL do out, items = cons(items[1], out), items[2] end
    return out
end

local function solutions(wanted, goals, clauses, limit)
    local query, results = rename(cons(wanted, goals)), NIL
    prove(query[2], NIL, clauses, function(bindings)
        results = cons(substitute(query[1], bindings), results)
        return length(results) == limit
    end)
    return reverse(results)
end

local clauses = read [[
  (((append nil ?y ?y))
    ((append (& ?x ?rest) ?y (& ?x ?z)) (append ?rest ?y ?z))
    ((reverse nil nil))
    ((reverse (& ?x ?rest) ?all) (reverse ?rest ?r) (append ?r (& ?x nil) ?all))
    ((parent ann bob)) ((parent ann bea)) ((parent bob cal)) ((parent bea cat)) ((parent cal dan))
    ((ancestor ?a ?b) (parent ?a ?b))
    ((ancestor ?a ?c) (parent ?a ?b) (ancestor ?b ?c))
    ((color red)) ((color green)) ((color blue))
    ((differ red green)) ((differ red blue)) ((differ green red))
    ((differ green blue)) ((differ blue red)) ((differ blue green))
    ((map ?a ?b ?c ?d ?e)
     (differ ?a ?b) (differ ?a ?c) (differ ?b ?c) (differ ?b ?d) (differ ?c ?d) (differ ?d ?e) (differ ?a ?e)))]]

local function term_list(items)
    if items == NIL then return "nil" end
    return list("&", items[1], term_list(items[2]))
end

local function show_list(term)
    if not is_pair(term) then return NIL end
    return cons(term[2][1], show_list(term[2][2][1]))
end

local function map(f, items)
    if items == NIL then return NIL end
    return cons(f(items[1]), map(f, items[2]))
end

local function numbers(n)
    local out = NIL
    for i = n, 1, -1 do out = cons(i, out) end
    return out
end

local function text(x)
    if type(x) ~= "table" then return tostring(x) end
    local parts = {}
    while x ~= NIL do parts[#parts + 1], x = text(x[1]), x[2] end
    return "(" .. table.concat(parts, " ") .. ")"
end

local function show(what, value) print(what .. " " .. text(value)) end

show("ann's descendants:", solutions("?x", read "((ancestor ann ?x))", clauses, 100))
show("dan's ancestors:", solutions("?x", read "((ancestor ?x dan))", clauses, 100))
show("two parts of (1 2 3):",
     map(function(pair) return map(show_list, pair) end,
         solutions(list("?x", "?y"), list(list("append", "?x", "?y", term_list(list(1, 2, 3)))), clauses, 100)))
show("colors of a map:", solutions(read "(?a ?b ?c ?d ?e)", read "((map ?a ?b ?c ?d ?e))", clauses, 3))
show("of all:", length(solutions(read "(?a ?b ?c ?d ?e)", read "((map ?a ?b ?c ?d ?e))", clauses, 1000)))
for n = 1, size do
    local reversed = solutions("?x", list(list("reverse", term_list(numbers(n)), "?x")), clauses, 1)[1]
    if n == size then show("reversed:", show_list(reversed)) end
end
show("is nobody's parent:", solutions("?x", read "((parent dan ?x))", clauses, 100))
