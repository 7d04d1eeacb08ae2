#!/usr/bin/env bash
# Installs the build into a fresh prefix and builds a consumer against it in each way the README
# names: pkg-config (shared, static, from C++) and find_package (shared, static).
#   install_test.sh <build directory> <version> <cmake> <cc> [<c++>]
set -euo pipefail
build=$1 version=$2 cmake=$3 cc=$4 cxx=${5:-}
consumer=$(cd "$(dirname "$0")/consumer" && pwd)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix

# Quiet unless it fails.
logged() { "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log"; return 1; }; }
say() { printf '== %s\n' "$*"; }

install_into_prefix() {
    logged "$cmake" --install "$build" --prefix "$prefix"
    lib=$(dirname "$(find "$prefix" -name greyspan.pc)")/..
    lib=$(cd "$lib" && pwd)
    local file
    for file in libgreyspan.so libgreyspan.so.1 libgreyspan.a libgreyspan-malloc.so; do
        [ -e "$lib/$file" ] || { echo "$file was not installed"; return 1; }
    done
}

library_of() { LD_LIBRARY_PATH=$lib ldd "$1" 2>/dev/null | awk '$1 ~ /libgreyspan/ { print $3 }'; }

# The program must get its library from the prefix and from nowhere else.
run_shared() {
    [ "$(library_of "$1")" = "$lib/libgreyspan.so.1" ] ||
        { echo "$1 is not linked with the prefix"; return 1; }
    LD_LIBRARY_PATH=$lib "$1" "$version"
}

run_static() {
    [ -z "$(library_of "$1")" ] || { echo "$1 still wants the shared library"; return 1; }
    "$1" "$version"
}

by_pkg_config() {
    local pc_version preload
    export PKG_CONFIG_PATH=$lib/pkgconfig
    pc_version=$(pkg-config --modversion greyspan)
    [ "$pc_version" = "$version" ] || { echo "greyspan.pc says $pc_version"; return 1; }
    preload=$(pkg-config --variable=preload greyspan)
    [ -e "$preload" ] || { echo "greyspan.pc says preload=$preload"; return 1; }

    say pkg-config, shared
    # shellcheck disable=SC2046  # flags are words
    "$cc" "$consumer/consumer.c" -o "$scratch/shared" $(pkg-config --cflags --libs greyspan)
    run_shared "$scratch/shared"

    say pkg-config, static
    # shellcheck disable=SC2046
    "$cc" -static "$consumer/consumer.c" -o "$scratch/static" $(pkg-config --static --cflags --libs greyspan)
    run_static "$scratch/static"

    if [ -n "$cxx" ]; then
        say pkg-config, from C++
        # shellcheck disable=SC2046
        "$cxx" -x c++ "$consumer/consumer.c" -x none -o "$scratch/cxx" $(pkg-config --cflags --libs greyspan)
        run_shared "$scratch/cxx"
    fi
}

by_find_package() {
    say find_package
    logged "$cmake" -G Ninja -S "$consumer" -B "$scratch/build" -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release
    logged "$cmake" --build "$scratch/build"
    run_shared "$scratch/build/with_shared"
    run_static "$scratch/build/with_static"
}

install_into_prefix
by_pkg_config
by_find_package
