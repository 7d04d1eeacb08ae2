#!/usr/bin/env bash
# needs: redis-server redis-cli redis-benchmark
# A server on a socket in this directory, ended by its process id.
set -e
redis-server --port 0 --unixsocket "$PWD/socket" --activedefrag no --save '' --appendonly no \
    --enable-debug-command yes --dir "$PWD" --logfile "$PWD/log" >/dev/null &
server=$!
trap 'kill $server 2>/dev/null; wait $server || true' EXIT
ask() { redis-cli -s socket "$@"; }

for _ in $(seq 1 100); do
    [ -S socket ] && ask ping >/dev/null 2>&1 && break
    sleep 0.05
done
ask ping
redis-benchmark -s "$PWD/socket" -q -n 10000 -c 20 -P 8 -t set,get,incr,lpush,rpush,sadd,hset,lrange_100 >/dev/null
ask eval 'for i = 1, 20000 do
    redis.call("set", "k" .. i, string.rep("v", i % 300))
    redis.call("zadd", "z", i * 7919 % 10007, "m" .. i)
    redis.call("hset", "h" .. i % 50, "f" .. i, i)
end return redis.call("dbsize")' 0
ask eval 'for i = 1, 20000, 2 do redis.call("del", "k" .. i) end
    for i = 2, 20000, 4 do redis.call("append", "k" .. i, string.rep("w", 500)) end return 1' 0
ask zrange z 0 30
ask hlen h7
ask llen mylist
ask strlen k202
ask debug digest
ask config set maxmemory 20mb
ask dbsize
ask save
ask debug reload
ask debug digest
kill "$server"
status=0
wait "$server" || status=$?
trap - EXIT
echo "ended with $status"
