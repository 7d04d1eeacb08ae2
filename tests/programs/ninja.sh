#!/usr/bin/env bash
# needs: ninja
set -e
{
    echo 'rule copy'
    echo '  command = cat $in > $out && echo $name >> $out'
    echo '  description = copy $name'
    echo 'build base: phony'
    previous=start
    echo start >start
    for i in $(seq 1 1500); do
        if ((i % 10 == 0)); then
            echo "build out/$i: copy $previous"
        else
            echo "build out/$i: copy start"
        fi
        echo "  name = step-$i-$(((i * 7919) % 1009))"
        previous=out/$i
    done
} >build.ninja
ninja --quiet -j2 $(seq -f 'out/%g' 1 150)
cat out/* | cksum
ninja -n -j1 out/1500 | tail -n 3
ninja -t targets all | cksum
ninja -t graph out/500 | wc -l
touch -d @1 start
ninja -t query out/40
